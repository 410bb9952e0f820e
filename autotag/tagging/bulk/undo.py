"""Taking back an action over many documents, by an action that goes the other way."""

from autotag.media.folders.moving import move_back
from autotag.models import BulkAction, BulkActionState
from autotag.models.base import utc_now
from autotag.models.unit_of_work import UnitOfWork
from autotag.tagging.bulk.actions import (
    AT_ONCE,
    LARGEST_ID,
    BulkKind,
    add,
    begin,
    close,
    load_action,
    work_off,
)
from autotag.tagging.bulk.change_log import NOTED, count_noted
from autotag.tagging.tags.names import TaggingRefused

_BACK = {BulkKind.DELETE: BulkKind.RESTORE, BulkKind.MOVE: BulkKind.MOVE}
"""What takes an action back that is not about tags."""


def undo_action(work: UnitOfWork, instance_id: int, action_id: int, *, user_id: int | None) -> BulkAction:
    """Take an action back; return the action that does it. Raises BulkActionNotFound, TaggingRefused."""
    action = load_action(work.session, instance_id, action_id, for_change=True)
    if not can_undo(action):
        raise TaggingRefused("cannot_undo", "This can no longer be undone.")
    action.parameters = action.parameters | {"undone": True}
    kind = BulkKind(action.kind)
    back = BulkAction(
        instance_id=instance_id,
        kind=BulkKind.UNDO_TAGS if kind.is_about_tags else _BACK[kind],
        selection={"act": [action.created_at.isoformat(), action.created_by_id]},
        parameters={"undoes": action.id, "until": LARGEST_ID},
        created_by_id=user_id,
        created_at=utc_now(),
    )
    if kind is BulkKind.DELETE:
        return begin(work, back)
    if kind.is_about_tags:
        add(work.session, back, count_noted(work.session, action.id))
        if back.total <= AT_ONCE:
            while back.state == BulkActionState.RUNNING:
                work_off(work, back)
        return back
    before = {int(key) if key else None: ids for key, ids in action.parameters["before"].items()}
    back.done = back.total = move_back(work, instance_id, before, action.parameters["folder_id"])
    close(back, BulkActionState.FINISHED)
    work.session.add(back)
    work.session.flush()
    return back


def can_undo(action: BulkAction) -> bool:
    """Whether it is over and can be taken back: a deletion, or a move or an edit of tags of which all is known.

    One of a kind that this version does not know cannot.
    """
    if action.kind not in set(BulkKind):
        return False
    over = action.state != BulkActionState.RUNNING and not action.parameters.get("undone")
    is_known = bool(action.parameters.get("before") or action.parameters.get(NOTED))
    return over and (action.kind == BulkKind.DELETE or is_known)
