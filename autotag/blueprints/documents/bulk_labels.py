"""What is said of an action over many documents, while it goes on and when it is over."""

from flask import Flask, flash, g

from autotag.blueprints.notices import flash_undo
from autotag.blueprints.presentation import counted
from autotag.extensions import db
from autotag.models import BulkAction, BulkActionState
from autotag.tagging.bulk.actions import BulkKind, highest_id
from autotag.tagging.bulk.undo import can_undo

DOING: dict[str, str] = {
    BulkKind.EDIT_TAGS: "Changing tags",
    BulkKind.REPLACE_TAGS: "Replacing tags",
    BulkKind.UNTAG: "Removing automatic tags",
    BulkKind.COMMIT: "Keeping automatic tags",
    BulkKind.MOVE: "Moving files",
    BulkKind.DELETE: "Deleting files",
    BulkKind.RESTORE: "Restoring files",
    BulkKind.PURGE: "Deleting files for good",
    BulkKind.UNDO_TAGS: "Undoing a change of tags",
    BulkKind.MERGE_TAGS: "Merging tags",
}

UNKNOWN = "Bulk action"
"""What an action is called whose kind another version of Autotag has written."""

_DONE: dict[str, str] = {
    BulkKind.EDIT_TAGS: "Tags of {files} changed.",
    BulkKind.REPLACE_TAGS: "Tags of {files} replaced.",
    BulkKind.UNTAG: "Automatic tags removed from {files}.",
    BulkKind.COMMIT: "Automatic tags of {files} are ordinary tags now.",
    BulkKind.MOVE: "{files} moved.",
    BulkKind.DELETE: "{files} moved to the recycle bin.",
    BulkKind.RESTORE: "{files} restored.",
    BulkKind.PURGE: "{files} deleted for good.",
    BulkKind.UNDO_TAGS: "Undone: tags of {files} are as they were.",
}


def doing(action: BulkAction) -> str:
    """Name an action."""
    return DOING.get(action.kind, UNKNOWN)


def outcome(action: BulkAction) -> str:
    """Say what an action did to how many files."""
    files = counted(action.done, "file")
    if action.parameters.get("undoes") and action.kind == BulkKind.MOVE:
        return f"{files} moved back."
    if action.kind == BulkKind.MERGE_TAGS:
        return _merged(action, files)
    return _DONE.get(action.kind, "{files} done.").format(files=files)


def _merged(action: BulkAction, files: str) -> str:
    names, kept = ", ".join(action.parameters.get("names", ())), action.parameters.get("name", "")
    if not names or not kept:
        return f"{files} changed."
    if action.state != BulkActionState.FINISHED:
        return f"{files} of {names} {'has' if action.done == 1 else 'have'} the tag {kept} instead now."
    return f"{names} merged into {kept}: {files} changed."


def tell_outcome(action: BulkAction) -> None:
    """Say on the next page what was done, and offer to undo it where that is possible."""
    if can_undo(action):
        flash_undo(outcome(action), "bulk_actions.undo", action_id=action.id)
    else:
        flash(outcome(action), "success")


def ended(action: BulkAction) -> str:
    """Say how an action ended; nothing while it goes on."""
    match action.state:
        case BulkActionState.FINISHED:
            return outcome(action)
        case BulkActionState.CANCELLED:
            return f"Cancelled. {outcome(action)}"
        case BulkActionState.FAILED:
            return f"It stopped: {action.reason} {outcome(action)}"
        case _:
            return ""


def newest_id() -> int:
    """Return the highest id that a list of this request's instance can show."""
    return highest_id(db.session(), g.instance.id)


def register(app: Flask) -> None:
    """Make the words of this module known to the app's templates."""
    app.jinja_env.filters.update(doing=doing, ended=ended)
    app.jinja_env.tests.update(undoable=can_undo)
    app.jinja_env.globals.update(newest_id=newest_id)
