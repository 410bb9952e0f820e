"""Undoing edits of tags, at once or in the background; for deletions and moves see the tests of bulk actions."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.library.query import DocumentQuery, Selection
from autotag.models import BulkAction, BulkActionState, BulkChange, Tag, TagAssignment, User, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk import actions as bulk_actions
from autotag.tagging.bulk import undo as bulk_undo
from autotag.tagging.bulk.actions import (
    BulkActionNotFound,
    BulkKind,
    cancel_action,
    load_action,
    start_action,
)
from autotag.tagging.bulk.change_log import count_noted
from autotag.tagging.bulk.scheduler_step import forget_old_actions, tend_bulk_actions
from autotag.tagging.bulk.undo import can_undo, undo_action
from autotag.tagging.tags.names import TaggingRefused
from tests.unit.conftest import Factory

DOCUMENTS = 8


class Library:
    """Documents of an instance, a person who edits their tags, and the scheduler."""

    def __init__(self, sessions: sessionmaker[Session], instance: VirtualInstance, user: User) -> None:
        self.sessions, self.instance, self.user = sessions, instance, user

    def start(self, *add: str, remove: tuple[str, ...] = ()) -> BulkAction:
        with self.sessions() as session, unit_of_work(session) as work:
            return start_action(
                work,
                self.instance.id,
                BulkKind.EDIT_TAGS,
                Selection(query=DocumentQuery()),
                user_id=self.user.id,
                parameters={"add": add, "remove": remove},
            )

    def undo(self, action: BulkAction) -> BulkAction:
        with self.sessions() as session, unit_of_work(session) as work:
            return undo_action(work, self.instance.id, action.id, user_id=self.user.id)

    def now(self, action: BulkAction) -> BulkAction:
        with self.sessions() as session:
            return load_action(session, self.instance.id, action.id)

    def tags(self) -> dict[str, int]:
        """Return on how many documents each tag is."""
        with self.sessions() as session:
            rows = session.execute(
                select(Tag.name, func.count(TagAssignment.id)).outerjoin(TagAssignment).group_by(Tag.id)
            )
            return {name: number for name, number in rows if number}

    def noted(self) -> int:
        with self.sessions() as session:
            return session.scalar(select(func.count(BulkChange.id))) or 0


@pytest.fixture
def library(sessions: sessionmaker[Session], make: Factory) -> Library:
    acme = make.instance("acme")
    for _ in range(DOCUMENTS):
        make.document(acme)
    return Library(sessions, acme, make.user(acme))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is three documents; more is for the background."""
    monkeypatch.setattr(bulk_actions, "AT_ONCE", 3)
    monkeypatch.setattr(bulk_undo, "AT_ONCE", 3)


def test_an_edit_of_few_is_undone_at_once_and_once(library: Library) -> None:
    action = library.start("harbour", "quay")
    assert can_undo(action)
    undone = library.undo(action)
    assert (undone.kind, undone.state, undone.done) == ("undo_tags", BulkActionState.FINISHED, DOCUMENTS)
    assert not can_undo(undone)
    assert (library.tags(), library.noted()) == ({}, 0)
    with pytest.raises(TaggingRefused, match="no longer"):
        library.undo(action)


def test_an_edit_that_changed_nothing_has_nothing_to_undo(library: Library) -> None:
    assert not can_undo(library.start(remove=("nowhere",)))


@pytest.mark.usefixtures("few")
def test_an_edit_of_many_is_undone_a_part_at_a_time(library: Library) -> None:
    action = library.start("harbour")
    assert not can_undo(action)
    while tend_bulk_actions(library.sessions):
        pass
    assert library.tags() == {"harbour": DOCUMENTS}
    undone = library.undo(library.now(action))
    assert (undone.state, undone.total) == (BulkActionState.RUNNING, DOCUMENTS)
    tend_bulk_actions(library.sessions)
    assert library.tags() == {"harbour": 6}
    assert library.now(undone).done == 2
    while tend_bulk_actions(library.sessions):
        pass
    assert library.tags() == {}
    assert (library.now(undone).state, library.now(undone).done) == (BulkActionState.FINISHED, DOCUMENTS)


@pytest.mark.usefixtures("few")
def test_a_cancelled_edit_is_undone_as_far_as_it_came(library: Library) -> None:
    action = library.start("harbour")
    tend_bulk_actions(library.sessions)
    with library.sessions() as session, unit_of_work(session) as work:
        cancel_action(work, library.instance.id, action.id)
    assert library.tags() == {"harbour": 3}
    assert library.undo(action).done == 3
    assert library.tags() == {}


def test_another_instances_edit_cannot_be_undone(library: Library, make: Factory) -> None:
    action, globex = library.start("harbour"), make.instance("globex")
    with pytest.raises(BulkActionNotFound), library.sessions() as session, unit_of_work(session) as work:
        undo_action(work, globex.id, action.id, user_id=None)
    assert library.tags() == {"harbour": DOCUMENTS}


def test_what_is_noted_goes_with_the_action(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    action = library.start("harbour")
    with library.sessions() as session:
        assert count_noted(session, action.id) == DOCUMENTS
    monkeypatch.setattr("autotag.tagging.bulk.scheduler_step.KEPT", timedelta(days=-1))
    forget_old_actions(library.sessions)
    assert library.noted() == 0
