"""Bulk actions as JSON."""

from flask import url_for
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields

from autotag.blueprints.documents.bulk_labels import ended
from autotag.models import BulkAction, BulkActionState
from autotag.tagging.bulk.actions import BulkKind
from autotag.tagging.bulk.undo import can_undo

ACTION_HEADERS = {
    "Location": {"description": "Address of the bulk action.", "schema": {"type": "string"}, "required": True}
}


class BulkActionResultSchema(Schema):
    """What a bulk action came to."""

    message = fields.String(required=True, metadata={"description": "In a sentence."})
    documents = fields.Integer(required=True, metadata={"description": "Documents that were changed."})
    tag_id = fields.Integer(
        required=True, allow_none=True, metadata={"description": "After a merge: the tag that is left."}
    )


class BulkActionSchema(Schema):
    """Something that is done to many documents, a part at a time."""

    id = fields.Integer(required=True)
    kind = fields.String(required=True, metadata={"description": "What is done, `merge_tags` for example."})
    state = fields.Enum(BulkActionState, by_value=True, required=True)
    done = fields.Integer(required=True, metadata={"description": "Documents that are done."})
    total = fields.Integer(required=True, metadata={"description": "Documents as far as is known."})
    failures = fields.Integer(
        required=True, metadata={"description": "Failed tries in a row; the next one follows."}
    )
    reason = fields.String(required=True, metadata={"description": "Why it failed, or empty."})
    can_undo = fields.Boolean(required=True)
    result = fields.Nested(
        BulkActionResultSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Null while it runs."},
    )
    created_at = fields.DateTime(required=True)
    finished_at = fields.DateTime(required=True, allow_none=True)


def bulk_action_answer(action: BulkAction) -> dict[str, object]:
    """Return what the API says of a bulk action."""
    is_over = action.state is not BulkActionState.RUNNING
    is_merged = action.kind == BulkKind.MERGE_TAGS and action.state is BulkActionState.FINISHED
    tag_id = action.selection.get("into") if is_merged else None
    return {
        "id": action.id,
        "kind": action.kind,
        "state": action.state,
        "done": action.done,
        "total": action.total,
        "failures": action.failures,
        "reason": action.reason,
        "can_undo": can_undo(action),
        "result": {"message": ended(action), "documents": action.done, "tag_id": tag_id} if is_over else None,
        "created_at": action.created_at,
        "finished_at": action.finished_at,
    }


def started(action: BulkAction) -> ResponseReturnValue:
    """Answer 202 with an action that was started, and where it can be followed."""
    address = url_for("api.show_bulk_action", action_id=action.id)
    return bulk_action_answer(action), 202, {"Location": address}
