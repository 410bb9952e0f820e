"""Merging in parts: right at every moment, whatever is tagged meanwhile; what a merge does is in test_tags."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.library.library import list_documents
from autotag.media.library.query import DocumentQuery
from autotag.models import AssignmentSource, Document, Tag, TagAssignment, TagRejection, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk import merge as bulk_merging
from autotag.tagging.document_tags.assign import add_tags, remove_tags
from autotag.tagging.tags import merge as tag_merging
from autotag.tagging.tags.listing import TagNotFound
from autotag.tagging.tags.merge import MergedPart, count_documents, merge_part
from autotag.tagging.tags.names import TaggingRefused
from tests.merging import merge_tags
from tests.unit.conftest import Factory

Part = Callable[[], MergedPart]


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tag_merging, "PART", 2)


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def documents(sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance) -> list[Document]:
    """Five files with kitty; the first has cat as well; from the sixth and seventh, kitty was removed."""
    found = [make.document(acme) for _ in range(7)]
    ids = [document.id for document in found]
    with sessions() as session, unit_of_work(session) as work:
        add_tags(work, acme.id, ids, ["kitty"], user_id=None)
        add_tags(work, acme.id, ids[:1], ["cat"], user_id=None)
        remove_tags(work, acme.id, ids[5:], ["kitty"], user_id=None)
    return found


def tag_ids(session: Session) -> dict[str, int]:
    return {tag.name: tag.id for tag in session.scalars(select(Tag))}


@pytest.fixture
def part(sessions: sessionmaker[Session], acme: VirtualInstance, documents: list[Document]) -> Part:
    with sessions() as session:
        ids = tag_ids(session)

    def part() -> MergedPart:
        with sessions() as session, unit_of_work(session) as work:
            return merge_part(work, acme.id, [ids["kitty"]], ids["cat"], actor="", user_id=None)

    return part


def parts(part: Part) -> Iterator[MergedPart]:
    while True:
        done = part()
        yield done
        if done.is_last:
            return


def on(session: Session) -> dict[str, int]:
    session.rollback()
    rows = session.execute(
        select(Tag.name, func.count(TagAssignment.id)).outerjoin(TagAssignment).group_by(Tag.id)
    )
    return dict(rows.all())


def test_after_each_part_every_document_has_one_of_the_tags(session: Session, part: Part) -> None:
    assert on(session) == {"kitty": 5, "cat": 1}
    assert part() == MergedPart(2, is_last=False)
    after = on(session)
    assert after["kitty"] == 3
    # What one searches for finds each of them under one of the names.
    found = [list_documents(session, 1, DocumentQuery(text=name)).total for name in ("kitty", "cat")]
    assert sum(found) >= 5
    assert sum(one.documents for one in parts(part)) == 3
    assert on(session) == {"cat": 5}
    removed = select(func.count()).where(TagRejection.normalized_name == "cat")
    assert session.scalar(removed) == 2
    assert session.scalar(select(func.count()).where(TagRejection.normalized_name == "kitty")) == 7


def test_what_is_tagged_while_it_goes_on_is_merged_as_well(
    session: Session, sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance, part: Part
) -> None:
    part()
    late = make.document(acme)
    with sessions() as other, unit_of_work(other) as work:
        add_tags(work, acme.id, [late.id], ["kitty"], user_id=None)
    list(parts(part))
    assert on(session) == {"cat": 6}


def test_when_the_tag_to_keep_goes_meanwhile_nothing_more_is_changed(
    session: Session, sessions: sessionmaker[Session], documents: list[Document], part: Part
) -> None:
    part()
    with sessions() as other, unit_of_work(other) as work:
        work.session.delete(work.session.get_one(Tag, tag_ids(work.session)["cat"]))
    with pytest.raises(TagNotFound):
        part()
    assert on(session) == {"kitty": 3}


def test_when_somebody_else_did_the_rest_it_says_so(session: Session, part: Part) -> None:
    list(parts(part))
    with pytest.raises(TaggingRefused) as refused:
        part()
    assert refused.value.code == "nothing_to_merge"


def test_documents_with_several_of_the_tags_count_once(session: Session, documents: list[Document]) -> None:
    assert count_documents(session, tag_ids(session).values()) == 5


def test_a_manual_tag_wins_in_every_part(
    session: Session, sessions: sessionmaker[Session], make: Factory, documents: list[Document], part: Part
) -> None:
    facts: dict[str, Any] = {"source": AssignmentSource.AUTO, "provider": "tensorflow", "confidence": 0.9}
    with sessions() as other, unit_of_work(other) as work:
        ids = tag_ids(work.session)
        for document in documents[1:4]:
            row = {"instance_id": document.instance_id, "document_id": document.id, "tag_id": ids["cat"]}
            work.session.add(TagAssignment(**row, **facts))
    list(parts(part))
    session.rollback()
    sources = session.scalars(select(TagAssignment.source)).all()
    assert set(sources) == {AssignmentSource.MANUAL}
    assert session.scalar(select(func.count()).where(TagAssignment.provider == "tensorflow")) == 3


def test_a_merge_holds_the_database_for_one_part_at_a_time(
    sessions: sessionmaker[Session],
    acme: VirtualInstance,
    documents: list[Document],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk_merging, "PART", 2)
    commits: list[None] = []
    with sessions() as session:
        event.listen(session, "after_commit", lambda _: commits.append(None))
        ids = tag_ids(session)
        left = merge_tags(session, acme.id, [ids["kitty"]], ids["cat"], actor="", user_id=None)
        assert (left.name, on(session)) == ("cat", {"cat": 5})
        with pytest.raises(TaggingRefused):
            merge_tags(session, acme.id, [ids["kitty"]], ids["cat"], actor="", user_id=None)
    assert len(commits) >= 4
