"""Merging as an action: at once when few documents have the tags, else in the background."""

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import BulkAction, BulkActionState, Tag, TagAssignment, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk import merge as bulk_merging
from autotag.tagging.bulk.actions import cancel_action
from autotag.tagging.bulk.merge import start_merge
from autotag.tagging.bulk.scheduler_step import tend_bulk_actions
from autotag.tagging.bulk.undo import can_undo
from autotag.tagging.document_tags.assign import add_tags
from autotag.tagging.tags import merge as tag_merging
from autotag.tagging.tags.listing import TagNotFound
from autotag.tagging.tags.names import TaggingRefused
from tests.unit.conftest import Factory

Merge = Callable[..., BulkAction]


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def ids(sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance) -> dict[str, int]:
    documents = [make.document(acme).id for _ in range(5)]
    with sessions() as session, unit_of_work(session) as work:
        add_tags(work, acme.id, documents, ["kitty"], user_id=None)
        add_tags(work, acme.id, documents[:1], ["cat"], user_id=None)
        return {tag.name: tag.id for tag in session.scalars(select(Tag))}


@pytest.fixture
def merge(sessions: sessionmaker[Session], acme: VirtualInstance) -> Merge:
    def merge(sources: list[int], target: int) -> BulkAction:
        with sessions() as session, unit_of_work(session) as work:
            return start_merge(work, acme.id, sources, target, user_id=None, actor="ann@example.test")

    return merge


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five documents are many, and two are a part."""
    monkeypatch.setattr(tag_merging, "PART", 2)
    monkeypatch.setattr(bulk_merging, "PART", 2)


def state(session: Session, action: BulkAction) -> tuple[BulkActionState, int, str]:
    session.rollback()
    session.expire_all()
    found = session.get_one(BulkAction, action.id)
    return found.state, found.done, found.reason


def names(session: Session) -> list[str]:
    session.rollback()
    return list(session.scalars(select(Tag.name).order_by(Tag.name)))


def test_few_are_merged_at_once(session: Session, ids: dict[str, int], merge: Merge) -> None:
    action = merge([ids["kitty"]], ids["cat"])
    assert (action.state, action.done, action.total) == (BulkActionState.FINISHED, 5, 5)
    assert action.parameters["names"] == ["kitty"]
    assert not can_undo(action)
    assert names(session) == ["cat"]


@pytest.mark.usefixtures("many")
def test_many_are_merged_in_the_background(
    session: Session, sessions: sessionmaker[Session], ids: dict[str, int], merge: Merge
) -> None:
    action = merge([ids["kitty"]], ids["cat"])
    assert (action.state, action.done, action.total) == (BulkActionState.RUNNING, 0, 5)
    tend_bulk_actions(sessions)
    assert state(session, action) == (BulkActionState.RUNNING, 2, "")
    assert names(session) == ["cat", "kitty"]
    while tend_bulk_actions(sessions):
        pass
    assert state(session, action) == (BulkActionState.FINISHED, 5, "")
    assert names(session) == ["cat"]
    assert set(session.scalars(select(TagAssignment.tag_id))) == {ids["cat"]}


@pytest.mark.usefixtures("many")
def test_cancelled_it_leaves_the_rest_as_it_was(
    session: Session,
    sessions: sessionmaker[Session],
    acme: VirtualInstance,
    ids: dict[str, int],
    merge: Merge,
) -> None:
    action = merge([ids["kitty"]], ids["cat"])
    tend_bulk_actions(sessions)
    with sessions() as other, unit_of_work(other) as work:
        cancel_action(work, acme.id, action.id)
    assert tend_bulk_actions(sessions) == 0
    assert names(session) == ["cat", "kitty"]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    ("gone", "reason"),
    [("cat", "The tag cat is not there any more."), ("kitty", "The tags to merge are not there any more.")],
)
def test_it_fails_with_a_reason_when_a_tag_is_deleted_meanwhile(
    session: Session,
    sessions: sessionmaker[Session],
    ids: dict[str, int],
    merge: Merge,
    gone: str,
    reason: str,
) -> None:
    action = merge([ids["kitty"]], ids["cat"])
    with sessions() as other, unit_of_work(other) as work:
        work.session.delete(work.session.get_one(Tag, ids[gone]))
    tend_bulk_actions(sessions)
    assert state(session, action) == (BulkActionState.FAILED, 0, reason)


def test_what_is_not_there_cannot_be_merged(ids: dict[str, int], merge: Merge, make: Factory) -> None:
    theirs = make.tag(make.document(make.instance("globex")), "secret").id
    for target in (theirs, 88_001):
        with pytest.raises(TagNotFound):
            merge([ids["kitty"]], target)
    with pytest.raises(TaggingRefused) as refused:
        merge([theirs], ids["cat"])
    assert refused.value.code == "nothing_to_merge"
