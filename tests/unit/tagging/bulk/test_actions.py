from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.errors import FolderNotFound
from autotag.media.library.query import DocumentQuery, Order, Selection
from autotag.models import (
    AssignmentSource,
    AuditEvent,
    BulkAction,
    BulkActionState,
    Document,
    Folder,
    Tag,
    TagAssignment,
    TaggingState,
    User,
    VirtualInstance,
)
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk import actions as bulk_actions
from autotag.tagging.bulk import scheduler_step as bulk_tending
from autotag.tagging.bulk.actions import (
    BulkActionNotFound,
    BulkKind,
    cancel_action,
    load_action,
    start_action,
)
from autotag.tagging.bulk.scheduler_step import forget_old_actions, tend_bulk_actions
from autotag.tagging.bulk.undo import can_undo, undo_action
from autotag.tagging.tags.names import TaggingRefused
from tests.unit.conftest import Factory

EVERYTHING = Selection(query=DocumentQuery())

Start = Callable[..., BulkAction]


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def ann(make: Factory, acme: VirtualInstance) -> User:
    return make.user(acme)


@pytest.fixture
def start(sessions: sessionmaker[Session], acme: VirtualInstance, ann: User) -> Start:
    def start(kind: BulkKind, selection: Selection = EVERYTHING, **options: object) -> BulkAction:
        options.setdefault("actor", "ann@example.test")
        with sessions() as session, unit_of_work(session) as work:
            return start_action(work, acme.id, kind, selection, user_id=ann.id, **options)  # type: ignore[arg-type]

    return start


@pytest.fixture
def undo(
    sessions: sessionmaker[Session], acme: VirtualInstance, ann: User
) -> Callable[[BulkAction], BulkAction]:
    def undo(action: BulkAction) -> BulkAction:
        with sessions() as session, unit_of_work(session) as work:
            return undo_action(work, acme.id, action.id, user_id=ann.id)

    return undo


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is three documents; more is for the background."""
    monkeypatch.setattr(bulk_actions, "AT_ONCE", 3)


def ids(*documents: Document) -> Selection:
    return Selection(ids=tuple(document.id for document in documents))


def now(session: Session, action: BulkAction) -> BulkAction:
    session.rollback()
    session.expire_all()
    return session.get_one(BulkAction, action.id)


def tags_of(session: Session, document: Document) -> dict[str, AssignmentSource]:
    session.rollback()
    rows = session.execute(
        select(Tag.name, TagAssignment.source)
        .join(TagAssignment, TagAssignment.tag_id == Tag.id)
        .where(TagAssignment.document_id == document.id)
    )
    return {row.name: row.source for row in rows}


def alive(session: Session) -> list[int]:
    session.rollback()
    return list(
        session.scalars(select(Document.id).where(Document.deleted_at.is_(None)).order_by(Document.id))
    )


def finish(sessions: sessionmaker[Session]) -> int:
    """Let the scheduler work until nothing is under way; return how often it looked."""
    turns = 0
    while tend_bulk_actions(sessions):
        turns += 1
        assert turns < 50
    return turns


def test_few_documents_are_done_at_once(
    session: Session, make: Factory, acme: VirtualInstance, start: Start
) -> None:
    first, second, other = (make.document(acme) for _ in range(3))
    make.tag(first, "old")
    action = start(BulkKind.EDIT_TAGS, ids(first, second), parameters={"add": [" new "], "remove": ["OLD"]})
    assert (action.state, action.done, action.total) == (BulkActionState.FINISHED, 2, 2)
    assert action.finished_at is not None
    assert list(tags_of(session, first)) == list(tags_of(session, second)) == ["new"]
    assert tags_of(session, other) == {}


def test_tags_can_be_replaced_taken_off_and_made_ones_own(
    session: Session, make: Factory, acme: VirtualInstance, start: Start
) -> None:
    replaced, untagged, committed = (make.document(acme) for _ in range(3))
    for document, name in ((replaced, "a"), (untagged, "b"), (committed, "c")):
        make.tag(document, name, source=AssignmentSource.AUTO, confidence=0.5)
    start(BulkKind.REPLACE_TAGS, ids(replaced), parameters={"add": ["only"]})
    start(BulkKind.UNTAG, ids(untagged))
    start(BulkKind.COMMIT, ids(committed))
    assert tags_of(session, replaced) == {"only": AssignmentSource.MANUAL}
    assert tags_of(session, untagged) == {}
    assert tags_of(session, committed) == {"c": AssignmentSource.MANUAL}


def test_a_deletion_is_undone_as_a_whole_and_once(
    session: Session, make: Factory, acme: VirtualInstance, start: Start, undo: Callable[..., BulkAction]
) -> None:
    first, second, kept = (make.document(acme) for _ in range(3))
    action = start(BulkKind.DELETE, ids(first, second))
    assert can_undo(action)
    assert alive(session) == [kept.id]
    assert undo(action).done == 2
    assert alive(session) == [first.id, second.id, kept.id]
    with pytest.raises(TaggingRefused, match="no longer"):
        undo(action)


def test_undoing_a_deletion_leaves_what_was_deleted_again_meanwhile(
    session: Session, make: Factory, acme: VirtualInstance, start: Start, undo: Callable[..., BulkAction]
) -> None:
    first, second = make.document(acme), make.document(acme)
    action = start(BulkKind.DELETE, ids(first, second))
    start(BulkKind.RESTORE, ids(first))
    start(BulkKind.DELETE, ids(first))
    undo(action)
    assert alive(session) == [second.id]


def test_a_move_is_undone(
    session: Session,
    sessions: sessionmaker[Session],
    make: Factory,
    acme: VirtualInstance,
    start: Start,
    undo: Callable[..., BulkAction],
) -> None:
    with unit_of_work(session) as work:
        work.session.add(Folder(id=7, instance_id=acme.id, name="Rome", normalized_name="rome"))
        work.session.add(Folder(id=8, instance_id=acme.id, name="Oslo", normalized_name="oslo"))
    top, inside = make.document(acme), make.document(acme, folder_id=8)
    action = start(BulkKind.MOVE, ids(top, inside), parameters={"folder_id": 7})
    undone = undo(action)
    assert (undone.done, can_undo(undone)) == (2, False)
    session.rollback()
    assert dict(session.execute(select(Document.id, Document.folder_id)).all()) == {
        top.id: None,
        inside.id: 8,
    }


def test_moving_to_a_folder_that_is_gone_is_refused_and_changes_nothing(
    session: Session, make: Factory, acme: VirtualInstance, start: Start
) -> None:
    document = make.document(acme)
    with pytest.raises(FolderNotFound):
        start(BulkKind.MOVE, ids(document), parameters={"folder_id": 99})
    assert session.scalars(select(BulkAction)).all() == []


def test_deleting_for_good_takes_only_from_the_bin_and_is_noted(
    session: Session, make: Factory, acme: VirtualInstance, start: Start
) -> None:
    living, dead = make.document(acme), make.document(acme, deleted_at=utc_now())
    action = start(BulkKind.PURGE, ids(living, dead))
    assert (action.done, can_undo(action)) == (1, False)
    assert alive(session) == [living.id]
    event = session.scalars(select(AuditEvent)).one()
    assert (event.actor, event.action, event.subject) == ("ann@example.test", "deleted for good", "1 file")


def test_nothing_selected_is_said(make: Factory, acme: VirtualInstance, start: Start) -> None:
    theirs = make.document(make.instance("globex"))
    for selection in (ids(theirs), Selection(), EVERYTHING):
        with pytest.raises(TaggingRefused) as refused:
            start(BulkKind.DELETE, selection)
        assert refused.value.code == "nothing_selected"


def test_a_name_that_cannot_be_a_tag_is_refused_before_anything_begins(
    session: Session, make: Factory, acme: VirtualInstance, start: Start
) -> None:
    document = make.document(acme)
    with pytest.raises(TaggingRefused, match="cannot contain"):
        start(BulkKind.EDIT_TAGS, ids(document), parameters={"add": ["fine", "not/fine"], "remove": []})
    assert tags_of(session, document) == {}
    assert session.scalars(select(BulkAction)).all() == []


@pytest.mark.usefixtures("few")
def test_many_documents_are_done_in_the_background_a_part_at_a_time(
    session: Session, sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance, start: Start
) -> None:
    documents = [make.document(acme) for _ in range(8)]
    action = start(BulkKind.EDIT_TAGS, parameters={"add": ["cat"], "remove": []})
    assert (action.state, action.done, action.total) == (BulkActionState.RUNNING, 0, 8)
    assert tend_bulk_actions(sessions) == 1
    assert (now(session, action).done, now(session, action).position) == (3, documents[2].id)
    later = make.document(acme)
    finish(sessions)
    assert (now(session, action).state, now(session, action).done) == (BulkActionState.FINISHED, 8)
    assert all(list(tags_of(session, document)) == ["cat"] for document in documents)
    assert tags_of(session, later) == {}
    assert tend_bulk_actions(sessions) == 0


@pytest.mark.usefixtures("few")
def test_documents_that_no_longer_match_once_they_are_changed_make_no_other_be_skipped(
    session: Session, sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance, start: Start
) -> None:
    documents = [make.document(acme) for _ in range(10)]
    untagged = Selection(query=DocumentQuery(untagged=True, order=Order.NAME, state=TaggingState.QUEUED))
    start(BulkKind.EDIT_TAGS, untagged, parameters={"add": ["cat"], "remove": []})
    finish(sessions)
    assert all(tags_of(session, document) for document in documents)
    start(BulkKind.DELETE, Selection(query=DocumentQuery(tags=("CAT",))))
    finish(sessions)
    assert alive(session) == []


@pytest.mark.usefixtures("few")
def test_killed_in_the_middle_of_a_part_it_goes_on_with_the_same_part(
    session: Session,
    sessions: sessionmaker[Session],
    make: Factory,
    acme: VirtualInstance,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed(BaseException):
        pass

    documents = [make.document(acme) for _ in range(7)]
    action = start(BulkKind.EDIT_TAGS, parameters={"add": ["cat"], "remove": []})
    tend_bulk_actions(sessions)

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(bulk_actions, "add_tags", die)
        with pytest.raises(Killed):
            tend_bulk_actions(sessions)
    assert now(session, action).done == 3
    finish(sessions)
    assert now(session, action).done == 7
    assert all(list(tags_of(session, document)) == ["cat"] for document in documents)


@pytest.mark.usefixtures("few")
def test_cancelled_it_stops_after_the_part_that_is_being_done_and_a_deletion_can_still_be_undone(
    session: Session,
    sessions: sessionmaker[Session],
    make: Factory,
    acme: VirtualInstance,
    start: Start,
    undo: Callable[..., BulkAction],
) -> None:
    documents = [make.document(acme) for _ in range(8)]
    action = start(BulkKind.DELETE)
    with pytest.raises(TaggingRefused):
        undo(action)
    tend_bulk_actions(sessions)
    with sessions() as other, unit_of_work(other) as work:
        cancel_action(work, acme.id, action.id)
    assert tend_bulk_actions(sessions) == 0
    assert len(alive(session)) == 5
    assert now(session, action).state == BulkActionState.CANCELLED
    undo(now(session, action))
    finish(sessions)
    assert len(alive(session)) == len(documents)


@pytest.mark.usefixtures("few")
def test_a_large_deletion_is_undone_in_the_background_as_well(
    session: Session,
    sessions: sessionmaker[Session],
    make: Factory,
    acme: VirtualInstance,
    start: Start,
    undo: Callable[..., BulkAction],
) -> None:
    earlier = make.document(acme, deleted_at=utc_now())
    documents = [make.document(acme) for _ in range(8)]
    action = start(BulkKind.DELETE)
    finish(sessions)
    assert alive(session) == []
    back = undo(now(session, action))
    assert back.state == BulkActionState.RUNNING
    finish(sessions)
    assert alive(session) == [document.id for document in documents]
    assert earlier.id not in alive(session)


@pytest.mark.usefixtures("few")
def test_a_large_move_cannot_be_undone_and_fails_with_its_reason_when_the_folder_goes(
    session: Session, sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance, start: Start
) -> None:
    with unit_of_work(session) as work:
        work.session.add(Folder(id=7, instance_id=acme.id, name="Rome", normalized_name="rome"))
    for _ in range(5):
        make.document(acme)
    action = start(BulkKind.MOVE, parameters={"folder_id": 7})
    tend_bulk_actions(sessions)
    assert not can_undo(now(session, action))
    with unit_of_work(session) as work:
        work.session.execute(text("DELETE FROM folder"))
    finish(sessions)
    failed = now(session, action)
    assert (failed.state, failed.reason) == (BulkActionState.FAILED, "There is no such folder here.")
    assert failed.done == 3


@pytest.mark.usefixtures("few")
def test_what_was_seen_limits_what_is_done(
    session: Session, make: Factory, acme: VirtualInstance, start: Start
) -> None:
    seen, unseen = make.document(acme), make.document(acme)
    assert start(BulkKind.DELETE, until=seen.id).total == 1
    assert alive(session) == [unseen.id]


def test_another_instances_action_is_not_there(
    session: Session, make: Factory, acme: VirtualInstance, start: Start, sessions: sessionmaker[Session]
) -> None:
    make.document(acme)
    action = start(BulkKind.DELETE)
    globex = make.instance("globex")
    for number in (action.id, 0, -1, 2**40):
        with pytest.raises(BulkActionNotFound):
            load_action(session, globex.id, number)
    with pytest.raises(BulkActionNotFound), unit_of_work(session) as work:
        undo_action(work, globex.id, action.id, user_id=None)
    assert alive(session) == []


def test_actions_that_were_over_long_ago_are_forgotten(
    session: Session, sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance, start: Start
) -> None:
    make.document(acme)
    action = start(BulkKind.UNTAG)
    forget_old_actions(sessions)
    assert now(session, action)
    with unit_of_work(session) as work:
        work.session.get_one(BulkAction, action.id).finished_at = (
            utc_now() - bulk_tending.KEPT - timedelta(days=1)
        )
    forget_old_actions(sessions)
    assert session.scalars(select(BulkAction)).all() == []
