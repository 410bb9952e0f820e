"""What a person does to many documents at once.

A few hundred documents are worked off in the request; more in the background, a part at a time (see `bulk_tending`).
Either way a row is written, by which the action is known: to show its progress, to cancel and to undo it.

The documents are gone through by ascending id up to the highest one of the beginning. So a document that no longer
meets the query once it was changed moves no other one out of sight, and what is uploaded meanwhile is not touched.
Two kinds of action have steps of their own: taking an edit of tags back, and merging tags.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from autotag.instances.audit import audit
from autotag.media.bin.recycle_bin import in_bin, of_act, purge, restore, trash
from autotag.media.folders.moving import move_documents
from autotag.media.library.query import DocumentQuery, Order, Selection
from autotag.models import BulkAction, BulkActionState, Document, TaggingState
from autotag.models.base import utc_now
from autotag.models.unit_of_work import UnitOfWork
from autotag.tagging.bulk.change_log import note, take_part_back
from autotag.tagging.bulk.kinds import BulkKind as BulkKind  # noqa: PLC0414 - told on to those who start actions
from autotag.tagging.document_tags.assign import add_tags, commit_tags, remove_tags, replace_tags, untag
from autotag.tagging.document_tags.change_log import TagChanges
from autotag.tagging.tags.create_and_lock import hold_tags
from autotag.tagging.tags.listing import TagNotFound
from autotag.tagging.tags.merge import merge_part
from autotag.tagging.tags.names import TaggingRefused, clean_names

AT_ONCE = 500
"""Documents that are worked off in the request, and in one part of the background."""

LARGEST_ID = 2**31 - 1


class BulkActionNotFound(LookupError):
    """No such action in this instance; another instance's action is this, too."""

    def __init__(self, action_id: int) -> None:
        super().__init__(f"There is no action {action_id} in this virtual instance.")
        self.action_id = action_id


class ActionUnreadable(ValueError):
    """The row of an action is of a kind, or has fields, that this version does not know."""


class _Fields(dict[str, Any]):
    """What is written of an action; to ask for what is not there raises ActionUnreadable."""

    def __missing__(self, key: str) -> Any:
        raise ActionUnreadable(f"no field {key}")


def kind_of(action: BulkAction) -> BulkKind:
    """Return the kind of an action. Raises ActionUnreadable for one of another version."""
    try:
        return BulkKind(action.kind)
    except ValueError as error:
        raise ActionUnreadable(f"no kind {action.kind}") from error


def start_action(
    work: UnitOfWork,
    instance_id: int,
    kind: BulkKind,
    selection: Selection,
    *,
    user_id: int | None,
    actor: str = "",
    parameters: Mapping[str, Any] | None = None,
    until: int | None = None,
) -> BulkAction:
    """Do something to the chosen documents: at once when they are few, else in the background.

    `until` is the highest id that the person saw, for a choice of all that match. `actor` is the person's e-mail
    address, for the audit trail. Raises TaggingRefused with code `nothing_selected` and for names that cannot be
    tags, and FolderNotFound.
    """
    chosen = {"ids": list(selection.ids)} if selection.query is None else {"query": asdict(selection.query)}
    action = BulkAction(
        instance_id=instance_id,
        kind=kind,
        selection=chosen,
        parameters=_checked(kind, parameters or {})
        | {"until": until or highest_id(work.session, instance_id)},
        created_by_id=user_id,
        created_at=utc_now(),
    )
    return begin(work, action, actor)


def cancel_action(work: UnitOfWork, instance_id: int, action_id: int) -> BulkAction:
    """Stop an action; what is done stays done. One that is over stays as it is. Raises BulkActionNotFound."""
    action = load_action(work.session, instance_id, action_id, for_change=True)
    if action.state == BulkActionState.RUNNING:
        close(action, BulkActionState.CANCELLED)
    return action


def load_action(
    session: Session, instance_id: int, action_id: int, *, for_change: bool = False
) -> BulkAction:
    """Return one action of this instance. Raises BulkActionNotFound, for another instance's action as well."""
    statement = select(BulkAction).where(BulkAction.instance_id == instance_id, BulkAction.id == action_id)
    if for_change:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    action = session.scalar(statement) if 0 < action_id <= LARGEST_ID else None
    if action is None:
        raise BulkActionNotFound(action_id)
    return action


def work_off(work: UnitOfWork, action: BulkAction) -> None:
    """Do the next part of an action; without one it is finished. The caller holds the action's row."""
    match kind_of(action):
        case BulkKind.UNDO_TAGS:
            is_last = _undo_tags(work.session, action)
        case BulkKind.MERGE_TAGS:
            is_last = _merge_tags(work, action)
        case _:
            is_last = _next_part(work, action)
    if is_last:
        close(action, BulkActionState.FINISHED)
    work.session.flush()


def _next_part(work: UnitOfWork, action: BulkAction) -> bool:
    """Do it to the next documents; whether they were the last."""
    ids = _next_ids(work.session, action, AT_ONCE)
    if ids:
        _perform(work, action, ids)
        action.position = ids[-1]
        action.done += len(ids)
    return len(ids) < AT_ONCE


def _undo_tags(session: Session, action: BulkAction) -> bool:
    documents = take_part_back(session, _Fields(action.parameters)["undoes"])
    action.done += documents or 0
    return documents is None


def _merge_tags(work: UnitOfWork, action: BulkAction) -> bool:
    chosen, given = _Fields(action.selection), _Fields(action.parameters)
    try:
        part = merge_part(
            work,
            action.instance_id,
            chosen["tags"],
            chosen["into"],
            actor=given["actor"],
            user_id=action.created_by_id,
        )
    except TagNotFound as error:
        raise TaggingRefused("tag_gone", f"The tag {given['name']} is not there any more.") from error
    except TaggingRefused as error:
        raise TaggingRefused("tags_gone", "The tags to merge are not there any more.") from error
    action.done += part.documents
    # What is tagged meanwhile is merged as well.
    action.total = max(action.total, action.done)
    return part.is_last


def begin(work: UnitOfWork, action: BulkAction, actor: str = "") -> BulkAction:
    """Begin an action over chosen documents. Raises TaggingRefused with code `nothing_selected`."""
    session = work.session
    everything = _chosen(session, action).subquery()
    action.total = session.scalar(select(func.count()).select_from(everything)) or 0
    if not action.total:
        raise TaggingRefused("nothing_selected", "None of the selected files is here any more.")
    if action.kind == BulkKind.PURGE:
        files = f"{action.total} file{'' if action.total == 1 else 's'}"
        audit(session, action.instance_id, actor, "deleted for good", files)
    add(session, action, action.total)
    if action.total <= AT_ONCE:
        work_off(work, action)
        # What was to be done is done; only what undoing needs is kept.
        close(action, BulkActionState.FINISHED)
        session.flush()
    return action


def add(session: Session, action: BulkAction, total: int) -> None:
    """Write an action that is under way, over so many documents."""
    action.state, action.position, action.done, action.total = BulkActionState.RUNNING, 0, 0, total
    session.add(action)
    session.flush()


def close(action: BulkAction, state: BulkActionState, reason: str = "") -> None:
    """End an action."""
    action.state, action.reason, action.finished_at = state, reason, utc_now()


def fail(action: BulkAction, reason: str) -> None:
    """End an action that cannot go on; what is done stays done."""
    close(action, BulkActionState.FAILED, reason[:500])


def _perform(work: UnitOfWork, action: BulkAction, ids: Sequence[int]) -> None:
    instance_id, user_id, given = action.instance_id, action.created_by_id, _Fields(action.parameters)
    few, changes = Selection(ids=tuple(ids)), TagChanges()
    match kind_of(action):
        case BulkKind.EDIT_TAGS:
            hold_tags(work.session, instance_id, given["add"])
            remove_tags(work, instance_id, ids, given["remove"], user_id=user_id, changes=changes)
            add_tags(work, instance_id, ids, given["add"], user_id=user_id, changes=changes)
        case BulkKind.REPLACE_TAGS:
            replace_tags(work, instance_id, ids, given["add"], user_id=user_id, changes=changes)
        case BulkKind.UNTAG:
            untag(work, instance_id, ids, changes=changes)
        case BulkKind.COMMIT:
            commit_tags(work, instance_id, ids, user_id=user_id, changes=changes)
        case BulkKind.MOVE:
            before = move_documents(work, instance_id, ids, given["folder_id"])
            if action.total <= AT_ONCE:
                places = {"" if key is None else str(key): moved for key, moved in before.items()}
                action.parameters = given | {"before": places}
        case BulkKind.DELETE:
            trash(work, instance_id, few, user_id=user_id, moment=action.created_at)
        case BulkKind.RESTORE:
            restore(work, instance_id, few)
        case BulkKind.PURGE:
            purge(work, instance_id, few)
    note(work.session, action, changes)


def _checked(kind: BulkKind, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse at once what would fail in the background."""
    checked = dict(parameters)
    if kind in (BulkKind.EDIT_TAGS, BulkKind.REPLACE_TAGS):
        checked["add"] = clean_names(checked.get("add", ()))
        checked["remove"] = list(checked.get("remove", ()))
    return checked


def _next_ids(session: Session, action: BulkAction, limit: int) -> list[int]:
    statement = _chosen(session, action).where(Document.id > action.position)
    return list(session.scalars(statement.order_by(Document.id).limit(limit)))


def _chosen(session: Session, action: BulkAction) -> Select[Any]:
    """Return the statement for the documents of an action that (still) are what was chosen."""
    return _selected(session, action).where(Document.id <= _Fields(action.parameters)["until"])


def _selected(session: Session, action: BulkAction) -> Select[Any]:
    instance_id, chosen = action.instance_id, action.selection
    if "act" in chosen:
        stamp, user_id = chosen["act"]
        return of_act(instance_id, datetime.fromisoformat(stamp), user_id)
    selection = Selection(ids=tuple(chosen.get("ids", ())), query=_read_query(chosen.get("query")))
    if kind_of(action).is_about_the_bin:
        return in_bin(session, instance_id, selection)
    return selection.select_ids(session, instance_id)


def _read_query(written: Mapping[str, Any] | None) -> DocumentQuery | None:
    if written is None:
        return None
    try:
        state = TaggingState(written["state"]) if written["state"] else None
        again = dict(written) | {
            "tags": tuple(written["tags"]),
            "state": state,
            "order": Order(written["order"]),
        }
        return DocumentQuery(**again)
    except (LookupError, TypeError, ValueError) as error:
        raise ActionUnreadable(f"a query with {error}") from error


def highest_id(session: Session, instance_id: int) -> int:
    """Return the id of an instance's newest document, 0 without one: what comes later is larger."""
    # One after the other, because the index of the newest has those in the recycle bin apart.
    newest = select(Document.id).where(Document.instance_id == instance_id, Document.deleted_at.is_(None))
    binned = select(func.max(Document.id)).where(
        Document.instance_id == instance_id, Document.deleted_at.is_not(None)
    )
    shown = session.scalar(newest.order_by(Document.id.desc()).limit(1))
    return max(shown or 0, session.scalar(binned) or 0)
