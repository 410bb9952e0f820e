"""Edits of tags on many documents are taken back: what they changed is as it was, what came since stays."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.library.library import list_documents
from autotag.media.library.query import DocumentQuery
from autotag.models import (
    AssignmentSource,
    Document,
    Tag,
    TagAssignment,
    TaggingState,
    TagRejection,
    User,
    VirtualInstance,
)
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.document_tags.assign import add_tags, commit_tags, remove_tags, replace_tags, untag
from autotag.tagging.document_tags.change_log import TagChanges
from autotag.tagging.document_tags.undo import take_back
from autotag.tagging.tags.edit import delete_tag, rename_tag
from autotag.tagging.tags.merge import merge_part
from tests.unit.conftest import Factory

AUTO, MANUAL = AssignmentSource.AUTO, AssignmentSource.MANUAL


class Shelf:
    """Some documents of an instance, edits of their tags, and how these are taken back."""

    def __init__(self, sessions: sessionmaker[Session], instance: VirtualInstance, user: User) -> None:
        self.sessions, self.instance, self.user = sessions, instance, user

    def do(self, act: Callable[..., Any], documents: list[Document], *names: str) -> TagChanges:
        """Change the tags of documents; return what is noted of it, as it is read again."""
        changes = TagChanges()
        ids, given = [document.id for document in documents], [list(names)] if names else []
        who = {} if act is untag else {"user_id": self.user.id}
        with self.sessions() as session, unit_of_work(session) as work:
            act(work, self.instance.id, ids, *given, changes=changes, **who)
        return TagChanges.read(json.loads(json.dumps(changes.written())))

    def undo(self, changes: TagChanges) -> int:
        with self.sessions() as session, unit_of_work(session) as work:
            return take_back(work.session, self.instance.id, changes)

    def on(self, document: Document) -> dict[str, tuple[AssignmentSource, float | None]]:
        with self.sessions() as session:
            rows = session.execute(
                select(Tag.name, TagAssignment.source, TagAssignment.confidence)
                .join(TagAssignment, TagAssignment.tag_id == Tag.id)
                .where(TagAssignment.document_id == document.id)
            )
            return {row.name: (row.source, row.confidence) for row in rows}

    def everything(self) -> list[tuple[Any, ...]]:
        """Return all that is known of tags on documents and of removals, without the numbers of rows."""
        columns = [each for each in TagAssignment.__table__.c if each.name != "id"]
        removals = [each for each in TagRejection.__table__.c if each.name != "id"]
        with self.sessions() as session:
            rows = [tuple(row) for row in session.execute(select(*columns))]
            rows += [tuple(row) for row in session.execute(select(*removals))]
            rows += [tuple(row) for row in session.execute(select(Document.id, Document.tagging_state))]
        return sorted(rows, key=repr)

    def removed_from(self, document: Document) -> set[str]:
        with self.sessions() as session:
            statement = select(TagRejection.normalized_name).where(TagRejection.document_id == document.id)
            return set(session.scalars(statement))

    def found_by(self, words: str) -> int:
        with self.sessions() as session:
            return list_documents(session, self.instance.id, DocumentQuery(text=words)).total


@pytest.fixture
def shelf(sessions: sessionmaker[Session], make: Factory) -> Shelf:
    acme = make.instance("acme")
    return Shelf(sessions, acme, make.user(acme))


@pytest.fixture
def documents(shelf: Shelf, make: Factory) -> list[Document]:
    """Three files: one with an automatic and a manual tag, one from which a tag was removed, one without anything."""
    found = [make.document(shelf.instance, tagging_state=TaggingState.TAGGED) for _ in range(3)]
    make.tag(found[0], "tabby", source=AUTO, provider="tensorflow", model="m", confidence=0.8)
    make.tag(found[0], "mine")
    make.tag(found[1], "sofa")
    with shelf.sessions() as session, unit_of_work(session) as work:
        remove_tags(work, shelf.instance.id, [found[1].id], ["sofa"], user_id=shelf.user.id)
    return found


@pytest.mark.parametrize(
    ("act", "names"),
    [
        (add_tags, ("tabby", "sofa", "new")),
        (remove_tags, ("tabby", "mine", "nowhere")),
        (replace_tags, ("tabby", "sofa")),
        (untag, ()),
        (commit_tags, ()),
    ],
)
def test_an_edit_that_is_undone_leaves_everything_as_it_was(
    shelf: Shelf, documents: list[Document], act: Callable[..., Any], names: tuple[str, ...]
) -> None:
    before = shelf.everything()
    changes = shelf.do(act, documents, *names)
    assert shelf.everything() != before
    shelf.undo(changes)
    assert shelf.everything() == before
    shelf.undo(changes)
    assert shelf.everything() == before


def test_a_tag_from_the_file_that_became_manual_is_from_the_file_again(
    shelf: Shelf, documents: list[Document], make: Factory
) -> None:
    make.tag(documents[0], "beach", source=AssignmentSource.FILE)
    before = shelf.everything()
    changes = shelf.do(add_tags, documents, "beach")
    assert shelf.on(documents[0])["beach"] == (MANUAL, None)
    shelf.undo(changes)
    assert shelf.everything() == before


def test_the_search_follows(shelf: Shelf, documents: list[Document]) -> None:
    changes = shelf.do(replace_tags, documents, "harbour")
    assert (shelf.found_by("harbour"), shelf.found_by("tabby")) == (3, 0)
    shelf.undo(changes)
    assert (shelf.found_by("harbour"), shelf.found_by("tabby")) == (0, 1)


def test_what_people_did_since_stays(shelf: Shelf, documents: list[Document]) -> None:
    added = shelf.do(add_tags, documents, "harbour", "quay")
    shelf.do(remove_tags, documents[:1], "harbour")
    shelf.do(remove_tags, documents[1:2], "quay")
    shelf.do(add_tags, documents[1:2], "quay")
    shelf.do(add_tags, documents, "later")
    shelf.undo(added)
    assert set(shelf.on(documents[0])) == {"tabby", "mine", "later"}
    assert "harbour" in shelf.removed_from(documents[0])
    assert set(shelf.on(documents[1])) == {"quay", "later"}
    assert set(shelf.on(documents[2])) == {"later"}


def test_a_removed_tag_that_somebody_decided_on_since_is_left_to_them(
    shelf: Shelf, documents: list[Document]
) -> None:
    removed = shelf.do(remove_tags, documents, "tabby", "mine")
    shelf.do(add_tags, documents[:1], "tabby")
    shelf.do(add_tags, documents[:1], "mine")
    shelf.do(remove_tags, documents[:1], "mine")
    shelf.undo(removed)
    assert shelf.on(documents[0]) == {"tabby": (MANUAL, None)}
    assert shelf.removed_from(documents[0]) == {"mine"}


def test_an_untagged_tag_that_somebody_removed_since_stays_away(
    shelf: Shelf, documents: list[Document]
) -> None:
    untagged = shelf.do(untag, documents)
    shelf.do(add_tags, documents[:1], "tabby")
    shelf.do(remove_tags, documents[:1], "tabby")
    shelf.undo(untagged)
    assert set(shelf.on(documents[0])) == {"mine"}
    assert shelf.removed_from(documents[0]) == {"tabby"}


def test_tags_that_were_renamed_merged_or_deleted_since_come_back_where_they_were_removed(
    shelf: Shelf, documents: list[Document], make: Factory
) -> None:
    make.tag(documents[2], "cat")
    make.tag(documents[0], "gone")
    removed = shelf.do(remove_tags, documents, "tabby", "mine", "gone")
    who: dict[str, Any] = {"actor": "ann@example.test", "user_id": None}
    with shelf.sessions() as session, unit_of_work(session) as work:
        ids = {tag.name: tag.id for tag in session.scalars(select(Tag))}
        rename_tag(work, shelf.instance.id, ids["mine"], "ours", **who)
        merge_part(work, shelf.instance.id, [ids["tabby"]], ids["cat"], **who)
        delete_tag(work, shelf.instance.id, ids["gone"], **who)
    shelf.undo(removed)
    assert shelf.on(documents[0]) == {"tabby": (AUTO, 0.8), "ours": (MANUAL, None), "gone": (MANUAL, None)}


def test_what_was_added_and_merged_since_goes_with_its_new_name(
    shelf: Shelf, documents: list[Document], make: Factory
) -> None:
    make.tag(documents[0], "cat")
    added = shelf.do(add_tags, documents, "kitty")
    with shelf.sessions() as session, unit_of_work(session) as work:
        ids = {tag.name: tag.id for tag in session.scalars(select(Tag))}
        merge_part(work, shelf.instance.id, [ids["kitty"]], ids["cat"], actor="", user_id=None)
    shelf.undo(added)
    assert "cat" in shelf.on(documents[0])
    assert "cat" not in shelf.on(documents[2])


def test_documents_and_people_that_are_gone_are_left_out(
    shelf: Shelf, documents: list[Document], make: Factory
) -> None:
    make.tag(documents[1], "hers", created_by_id=shelf.user.id)
    changes = shelf.do(replace_tags, documents, "only")
    with shelf.sessions() as session, unit_of_work(session) as work:
        work.session.execute(delete(Document).where(Document.id == documents[0].id))
        work.session.execute(delete(User).where(User.id == shelf.user.id))
    assert shelf.undo(changes) == 2
    assert shelf.on(documents[1]) == {"hers": (MANUAL, None)}


def test_another_instances_documents_are_not_touched(
    shelf: Shelf, documents: list[Document], make: Factory
) -> None:
    changes = shelf.do(replace_tags, documents, "only")
    globex = make.instance("globex")
    with shelf.sessions() as session, unit_of_work(session) as work:
        assert take_back(work.session, globex.id, changes) == 0
    assert set(shelf.on(documents[0])) == {"only"}
