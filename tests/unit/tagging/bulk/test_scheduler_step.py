from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.library.query import DocumentQuery, Selection
from autotag.models import BulkAction, BulkActionState, TagAssignment, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk import actions as bulk_actions
from autotag.tagging.bulk.actions import BulkKind, start_action
from autotag.tagging.bulk.scheduler_step import tend_bulk_actions
from autotag.tagging.tags.create_and_lock import TagsKeepVanishing
from autotag.tagging.tags.names import TaggingRefused
from tests.unit.conftest import Factory


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def tagging(
    sessions: sessionmaker[Session], make: Factory, monkeypatch: pytest.MonkeyPatch
) -> Callable[[VirtualInstance], int]:
    """Starts tagging five documents of an instance, two at a time."""
    monkeypatch.setattr(bulk_actions, "AT_ONCE", 2)

    def start(instance: VirtualInstance) -> int:
        for _ in range(5):
            make.document(instance)
        everything = Selection(query=DocumentQuery())
        given = {"add": ["cat"], "remove": []}
        with sessions() as session, unit_of_work(session) as work:
            return start_action(
                work, instance.id, BulkKind.EDIT_TAGS, everything, user_id=None, parameters=given
            ).id

    return start


def state(sessions: sessionmaker[Session], action_id: int) -> tuple[BulkActionState, int, str]:
    with sessions() as session:
        action = session.scalars(select(BulkAction).where(BulkAction.id == action_id)).one()
        return action.state, action.done, action.reason


def test_actions_of_all_instances_go_on_side_by_side(
    sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance, tagging: Callable[..., int]
) -> None:
    ours, theirs = tagging(acme), tagging(make.instance("globex"))
    assert tend_bulk_actions(sessions) == 2
    assert state(sessions, ours)[1] == state(sessions, theirs)[1] == 2
    while tend_bulk_actions(sessions):
        pass
    with sessions() as session:
        assert len(session.scalars(select(TagAssignment)).all()) == 10


def test_two_schedulers_do_no_part_twice(
    sessions: sessionmaker[Session], acme: VirtualInstance, tagging: Callable[..., int]
) -> None:
    action_id = tagging(acme)
    for _ in range(3):
        tend_bulk_actions(sessions)
        tend_bulk_actions(sessions)
    assert state(sessions, action_id) == (BulkActionState.FINISHED, 5, "")


def test_trouble_that_passes_is_tried_again_and_a_refusal_ends_it(
    sessions: sessionmaker[Session],
    acme: VirtualInstance,
    tagging: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    action_id = tagging(acme)

    def fail_with(error: Exception) -> None:
        def add(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(bulk_actions, "add_tags", add)
        tend_bulk_actions(sessions)

    fail_with(TagsKeepVanishing())
    assert state(sessions, action_id) == (BulkActionState.RUNNING, 0, "")
    fail_with(TaggingRefused("tag_name", "A tag cannot be that."))
    assert state(sessions, action_id) == (BulkActionState.FAILED, 0, "A tag cannot be that.")
    assert tend_bulk_actions(sessions) == 0
