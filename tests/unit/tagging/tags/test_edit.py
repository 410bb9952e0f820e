"""Adding, renaming, merging and deleting tags: nothing that people or providers said is lost."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.library import search
from autotag.media.library.library import list_documents
from autotag.media.library.query import DocumentQuery
from autotag.models import (
    AssignmentSource,
    AuditEvent,
    Document,
    Tag,
    TagAssignment,
    TagRejection,
    VirtualInstance,
)
from autotag.models.base import utc_now
from autotag.models.insertion import insert_new
from autotag.models.names import fold
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.document_tags.assign import add_tags, remove_tags
from autotag.tagging.tags.create_and_lock import ensure_tags
from autotag.tagging.tags.edit import NameTaken, add_tag, delete_tag, rename_tag
from autotag.tagging.tags.listing import TagNotFound
from autotag.tagging.tags.names import TaggingRefused
from tests.merging import merge_tags
from tests.unit.conftest import Factory

MANUAL, AUTO = AssignmentSource.MANUAL, AssignmentSource.AUTO
WHO: dict[str, Any] = {"actor": "eva@acme.test", "user_id": None}


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


class Tags:
    """The tags of one instance, by name."""

    def __init__(self, sessions: sessionmaker[Session], instance: VirtualInstance) -> None:
        self.sessions = sessions
        self.instance = instance

    def put(self, document: Document, name: str, **facts: object) -> int:
        """Put a tag on a document; return the tag's id."""
        with self.sessions() as session, unit_of_work(session) as work:
            (tag_id,) = ensure_tags(work.session, self.instance.id, [name]).values()
            row = {
                "instance_id": self.instance.id,
                "document_id": document.id,
                "tag_id": tag_id,
                "source": MANUAL,
                "created_at": utc_now(),
            }
            insert_new(work.session, TagAssignment.__table__, [row | facts])
            search.refresh(work.session, [document.id])
        return tag_id

    def reject(self, document: Document, name: str) -> None:
        with self.sessions() as session, unit_of_work(session) as work:
            row = {"document_id": document.id, "normalized_name": fold(name)}
            work.session.add(TagRejection(instance_id=self.instance.id, **row))

    def add(self, name: str) -> int:
        with self.sessions() as session, unit_of_work(session) as work:
            return add_tag(work, self.instance.id, name).id

    def rename(self, tag_id: int, name: str) -> None:
        with self.sessions() as session, unit_of_work(session) as work:
            rename_tag(work, self.instance.id, tag_id, name, **WHO)

    def delete(self, tag_id: int) -> tuple[str, int]:
        with self.sessions() as session, unit_of_work(session) as work:
            return delete_tag(work, self.instance.id, tag_id, **WHO)

    def merge(self, sources: list[int], target: int) -> Tag:
        with self.sessions() as session:
            return merge_tags(session, self.instance.id, sources, target, **WHO)

    def names(self) -> list[str]:
        with self.sessions() as session:
            return list(
                session.scalars(
                    select(Tag.name).where(Tag.instance_id == self.instance.id).order_by(Tag.normalized_name)
                )
            )

    def on(self, document: Document) -> dict[str, TagAssignment]:
        with self.sessions() as session:
            rows = session.execute(
                select(Tag.name, TagAssignment)
                .join(TagAssignment, TagAssignment.tag_id == Tag.id)
                .where(TagAssignment.document_id == document.id)
            )
            return {row[0]: row[1] for row in rows}

    def removed_from(self, document: Document) -> set[str]:
        with self.sessions() as session:
            return set(
                session.scalars(
                    select(TagRejection.normalized_name).where(TagRejection.document_id == document.id)
                )
            )

    def found_by(self, words: str) -> list[int]:
        with self.sessions() as session:
            page = list_documents(session, self.instance.id, DocumentQuery(text=words))
            return [item.document.id for item in page.items]


@pytest.fixture
def tags(sessions: sessionmaker[Session], acme: VirtualInstance) -> Tags:
    return Tags(sessions, acme)


@pytest.fixture
def document(make: Factory, acme: VirtualInstance) -> Callable[[], Document]:
    return lambda: make.document(acme)


Documents = Callable[[], Document]
TABBY = {"source": AUTO, "provider": "tensorflow", "model": "m", "confidence": 0.8}


def test_a_tag_is_added_with_its_name_cleaned(tags: Tags) -> None:
    tags.add("  Freight   Car ")
    assert tags.names() == ["Freight Car"]


def test_a_name_that_is_there_in_another_case_is_taken(tags: Tags) -> None:
    tag_id = tags.add("Straße")
    with pytest.raises(NameTaken) as refused:
        tags.add("STRASSE")
    assert (refused.value.other_id, refused.value.other_name) == (tag_id, "Straße")
    assert tags.names() == ["Straße"]


@pytest.mark.parametrize("name", ["", "   ", "a" * 76, "a,b", "a\x07b"])
def test_a_name_that_cannot_be_one_is_refused_for_a_new_tag_and_an_old_one(tags: Tags, name: str) -> None:
    tag_id = tags.add("tabby")
    with pytest.raises(TaggingRefused):
        tags.add(name)
    with pytest.raises(TaggingRefused):
        tags.rename(tag_id, name)
    assert tags.names() == ["tabby"]


def test_a_renamed_tag_stays_on_its_files_and_the_search_knows_its_new_name(
    tags: Tags, document: Documents
) -> None:
    one = document()
    tag_id = tags.put(one, "kitty", **TABBY)
    tags.rename(tag_id, "House Cat")
    kept = tags.on(one)["House Cat"]
    assert (kept.source, kept.provider, kept.confidence) == (AUTO, "tensorflow", 0.8)
    assert tags.found_by("house") == [one.id]
    assert tags.found_by("kitty") == []


def test_a_renaming_that_changes_the_case_alone_works_and_removes_nothing(
    tags: Tags, document: Documents
) -> None:
    one = document()
    tag_id = tags.put(one, "tabby")
    tags.rename(tag_id, "Tabby")
    tags.rename(tag_id, "Tabby")
    assert (tags.names(), tags.removed_from(one)) == (["Tabby"], set())


def test_a_renaming_to_the_name_of_another_tag_offers_that_one_and_changes_nothing(
    tags: Tags, document: Documents
) -> None:
    kitty, cat = tags.put(document(), "kitty"), tags.add("Cat")
    with pytest.raises(NameTaken) as refused:
        tags.rename(kitty, "CAT")
    assert refused.value.other_id == cat
    assert tags.names() == ["Cat", "kitty"]


def test_the_old_name_of_a_renamed_tag_counts_as_removed_from_its_files(
    tags: Tags, document: Documents
) -> None:
    having, rejecting, other = document(), document(), document()
    tag_id = tags.put(having, "kitty")
    tags.reject(rejecting, "kitty")
    tags.reject(having, "cat")
    tags.rename(tag_id, "cat")
    assert tags.removed_from(having) == {"kitty"}
    assert tags.removed_from(rejecting) == {"kitty", "cat"}
    assert tags.removed_from(other) == set()


def test_a_deleted_tag_leaves_all_files_and_is_remembered_as_removed(tags: Tags, document: Documents) -> None:
    one, two = document(), document()
    tag_id = tags.put(one, "kitty")
    tags.put(two, "kitty", **TABBY)
    tags.put(two, "barn")
    assert tags.delete(tag_id) == ("kitty", 2)
    assert (tags.names(), set(tags.on(one)), set(tags.on(two))) == (["barn"], set(), {"barn"})
    assert tags.removed_from(one) == tags.removed_from(two) == {"kitty"}
    assert tags.found_by("kitty") == []


def test_a_merge_of_kitty_into_cat_leaves_one_assignment_and_the_manual_one_wins(
    tags: Tags, document: Documents
) -> None:
    both, only = document(), document()
    kitty = tags.put(both, "kitty")
    tags.put(only, "kitty", **TABBY)
    cat = tags.put(both, "cat", **TABBY)
    assert tags.merge([kitty], cat).id == cat
    assert tags.names() == ["cat"]
    (kept,) = tags.on(both).values()
    assert (kept.source, kept.provider, kept.model, kept.confidence) == (MANUAL, "tensorflow", "m", 0.8)
    (moved,) = tags.on(only).values()
    assert (moved.source, moved.provider, moved.model, moved.confidence) == (AUTO, "tensorflow", "m", 0.8)
    assert sorted(tags.found_by("cat")) == [both.id, only.id]
    assert tags.found_by("kitty") == []


@pytest.mark.parametrize("source_first", [True, False])
def test_the_manual_one_wins_whichever_of_the_two_it_is(
    tags: Tags, document: Documents, source_first: bool
) -> None:
    one = document()
    kitty = tags.put(one, "kitty", **({} if source_first else TABBY))
    cat = tags.put(one, "cat", **(TABBY if source_first else {}))
    tags.merge([kitty], cat)
    (kept,) = tags.on(one).values()
    assert (kept.source, kept.tag_id, kept.confidence) == (MANUAL, cat, 0.8)


@pytest.mark.parametrize(("kitty", "cat"), [(0.9, 0.4), (0.4, 0.9)])
def test_of_two_automatic_ones_the_more_confident_stays(
    tags: Tags, document: Documents, kitty: float, cat: float
) -> None:
    one = document()
    first = tags.put(one, "kitty", **TABBY | {"confidence": kitty, "provider": "google-cloud-vision"})
    second = tags.put(one, "cat", **TABBY | {"confidence": cat})
    tags.merge([first], second)
    (kept,) = tags.on(one).values()
    provider = "google-cloud-vision" if kitty > cat else "tensorflow"
    assert (kept.tag_id, kept.confidence, kept.provider) == (second, 0.9, provider)


def test_a_manual_one_that_was_committed_keeps_its_own_provenance(tags: Tags, document: Documents) -> None:
    one = document()
    committed = TABBY | {"source": MANUAL, "confidence": 0.3}
    kitty = tags.put(one, "kitty", **committed)
    cat = tags.put(one, "cat", **TABBY | {"provider": "google-cloud-vision"})
    tags.merge([kitty], cat)
    (kept,) = tags.on(one).values()
    assert (kept.source, kept.provider, kept.confidence) == (MANUAL, "tensorflow", 0.3)


def test_many_tags_are_merged_into_one_at_once(tags: Tags, document: Documents) -> None:
    one, two = document(), document()
    sources = [
        tags.put(one, "kitty", **TABBY | {"confidence": 0.2}),
        tags.put(one, "pussy cat"),
        tags.put(one, "felid", **TABBY),
        tags.put(two, "moggy"),
    ]
    cat = tags.add("cat")
    tags.merge(sources, cat)
    assert tags.names() == ["cat"]
    with tags.sessions() as session:
        (event,) = session.scalars(select(AuditEvent))
        assert event.changes == [["Merged", "felid, kitty, moggy, pussy cat", "cat"]]
    (kept,) = tags.on(one).values()
    assert (kept.source, kept.provider, kept.confidence) == (MANUAL, "tensorflow", 0.8)
    assert set(tags.on(two)) == {"cat"}


def test_removals_follow_a_merge_and_yield_to_what_a_file_has(tags: Tags, document: Documents) -> None:
    having, rejecting, both = document(), document(), document()
    kitty = tags.put(having, "kitty")
    cat = tags.put(both, "cat")
    tags.reject(having, "cat")
    tags.reject(rejecting, "kitty")
    tags.reject(both, "kitty")
    tags.merge([kitty], cat)
    assert set(tags.on(having)) == {"cat"}
    assert tags.removed_from(having) == {"kitty"}
    assert tags.removed_from(rejecting) == {"kitty", "cat"}
    assert (set(tags.on(both)), tags.removed_from(both)) == ({"cat"}, {"kitty"})


def test_files_in_the_recycle_bin_follow_as_well(tags: Tags, make: Factory, acme: VirtualInstance) -> None:
    binned = make.document(acme, deleted_at=utc_now())
    kitty, cat = tags.put(binned, "kitty"), tags.add("cat")
    tags.merge([kitty], cat)
    assert set(tags.on(binned)) == {"cat"}


def test_a_merge_into_itself_or_of_what_is_gone_is_refused(tags: Tags, document: Documents) -> None:
    kitty, cat = tags.put(document(), "kitty"), tags.add("cat")
    tags.merge([kitty], cat)
    for sources in ([kitty], [cat], []):
        with pytest.raises(TaggingRefused, match="Choose"):
            tags.merge(sources, cat)
    with pytest.raises(TagNotFound):
        tags.merge([cat], kitty)
    assert tags.names() == ["cat"]


def test_another_instances_tags_can_be_neither_renamed_nor_merged_nor_deleted(
    tags: Tags, document: Documents, make: Factory, sessions: sessionmaker[Session]
) -> None:
    theirs = Tags(sessions, make.instance("globex"))
    secret = theirs.put(make.document(theirs.instance), "secret")
    cat = tags.put(document(), "cat")
    for act in (
        lambda: tags.rename(secret, "ours"),
        lambda: tags.delete(secret),
        lambda: tags.merge([cat], secret),
        lambda: tags.merge([secret], cat),
    ):
        with pytest.raises((TagNotFound, TaggingRefused)):
            act()
    assert (theirs.names(), tags.names()) == (["secret"], ["cat"])


def test_the_same_name_in_another_instance_stays_as_it_is(
    tags: Tags, document: Documents, make: Factory, sessions: sessionmaker[Session]
) -> None:
    theirs = Tags(sessions, make.instance("globex"))
    their_document, their_other = make.document(theirs.instance), make.document(theirs.instance)
    theirs.put(their_document, "kitty", **TABBY)
    theirs.reject(their_other, "kitty")
    kitty, cat = tags.put(document(), "kitty"), tags.add("cat")
    tags.merge([kitty], cat)
    tags.delete(cat)
    assert set(theirs.on(their_document)) == {"kitty"}
    assert (theirs.removed_from(their_document), theirs.removed_from(their_other)) == (set(), {"kitty"})


def test_what_was_done_stands_in_the_audit_trail(tags: Tags, sessions: sessionmaker[Session]) -> None:
    kitty, cat = tags.add("kitty"), tags.add("cat")
    tags.rename(kitty, "kitten")
    tags.merge([kitty], cat)
    tags.delete(cat)
    with sessions() as session:
        trail = [
            (row.action, row.subject) for row in session.scalars(select(AuditEvent).order_by(AuditEvent.id))
        ]
    assert trail == [("tag renamed", "kitten"), ("tags merged", "cat"), ("tag deleted", "cat")]


@pytest.mark.parametrize("round_", range(3))
def test_two_opposite_merges_at_once_lose_nothing(tags: Tags, document: Documents, round_: int) -> None:
    documents = [document() for _ in range(6)]
    kitty = cat = 0
    for number, one in enumerate(documents):
        if number % 3 != 1:
            kitty = tags.put(one, "kitty")
        if number % 3 != 0:
            cat = tags.put(one, "cat", **TABBY)
    at_once = threading.Barrier(4)

    def merge(number: int) -> bool:
        at_once.wait(30)
        pair = (kitty, cat) if number % 2 else (cat, kitty)
        try:
            tags.merge([pair[0]], pair[1])
        except (TagNotFound, TaggingRefused):
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(merge, range(4))) == 1
    assert len(tags.names()) == 1
    assert [len(tags.on(one)) for one in documents] == [1] * 6


def test_a_merge_while_others_tag_leaves_every_file_tagged(
    tags: Tags, document: Documents, sessions: sessionmaker[Session]
) -> None:
    documents = [document() for _ in range(24)]
    kitty, cat = tags.put(documents[0], "kitty"), tags.add("cat")
    at_once = threading.Barrier(5)

    def tag(part: int) -> None:
        at_once.wait(30)
        for one in documents[part::4]:
            with sessions() as session, unit_of_work(session) as work:
                add_tags(work, tags.instance.id, [one.id], ["kitty"], user_id=None)

    def merge() -> None:
        at_once.wait(30)
        tags.merge([kitty], cat)

    with ThreadPoolExecutor(5) as pool:
        for done in [*(pool.submit(tag, part) for part in range(4)), pool.submit(merge)]:
            done.result(60)
    found = [set(tags.on(one)) for one in documents]
    assert all(names and names <= {"kitty", "cat"} for names in found)


def test_a_removal_made_before_a_merge_holds_for_the_tag_that_is_left(
    tags: Tags, document: Documents, sessions: sessionmaker[Session]
) -> None:
    one = document()
    kitty, cat = tags.put(one, "kitty"), tags.add("cat")
    with sessions() as session, unit_of_work(session) as work:
        remove_tags(work, tags.instance.id, [one.id], ["kitty"], user_id=None)
    tags.merge([kitty], cat)
    assert tags.on(one) == {}
    assert tags.removed_from(one) == {"kitty", "cat"}
