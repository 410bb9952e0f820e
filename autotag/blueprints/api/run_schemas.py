"""Runs as JSON."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from sqlalchemy.orm import Session

from autotag.blueprints.api.fields import LARGEST_ID, Body, Whole
from autotag.models import RunScope, RunState, TaggingRun
from autotag.tagging.runs.progress import progress_of

MOST_DOCUMENTS = 1000
RUN_HEADERS = {
    "Location": {"description": "Address of the run.", "schema": {"type": "string"}, "required": True}
}
GOES_WITH = {RunScope.FOLDER: "folder_id", RunScope.SELECTION: "document_ids"}
"""What a scope needs to know; the others take nothing."""


class RunCountsSchema(Schema):
    """How many documents of a run stand where."""

    total = fields.Integer(required=True)
    done = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    left_out = fields.Integer(required=True, metadata={"description": "No images, or deleted meanwhile."})
    left = fields.Integer(required=True, metadata={"description": "Still to be tagged."})


class RunSchema(Schema):
    """Tagging that somebody asked for."""

    id = fields.Integer(required=True)
    scope = fields.Enum(RunScope, by_value=True, required=True)
    covers = fields.String(required=True, metadata={"description": "In words."})
    state = fields.Enum(RunState, by_value=True, required=True)
    reason = fields.String(
        required=True,
        metadata={"description": "Why it was paused or cancelled when nobody did that; else empty."},
    )
    counts = fields.Nested(RunCountsSchema, required=True)
    seconds_left = fields.Float(
        required=True, allow_none=True, metadata={"description": "Null while nobody can tell."}
    )
    created_at = fields.DateTime(required=True)
    finished_at = fields.DateTime(required=True, allow_none=True)


class RunStartSchema(Body):
    """What a run is to cover."""

    scope = fields.Enum(RunScope, by_value=True, required=True)
    folder_id = Whole(validate=validate.Range(1, LARGEST_ID))
    document_ids = fields.List(
        Whole(validate=validate.Range(1, LARGEST_ID)), validate=validate.Length(1, MOST_DOCUMENTS)
    )

    @validates_schema
    def _goes_together(self, data: dict[str, Any], **_rest: object) -> None:
        wanted = GOES_WITH.get(data["scope"])
        for name in GOES_WITH.values():
            if (name in data) != (name == wanted):
                needed = "is needed for" if name == wanted else "does not go with"
                raise ValidationError(f"{name} {needed} this scope.", name)


def run_start_document() -> dict[str, object]:
    """Return what JSON Schema says of the above: one object for each scope."""
    folder = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}
    documents = {"type": "array", "items": folder, "minItems": 1, "maxItems": MOST_DOCUMENTS}
    extra = {RunScope.FOLDER: {"folder_id": folder}, RunScope.SELECTION: {"document_ids": documents}}
    return {
        "oneOf": [
            {
                "type": "object",
                "properties": {"scope": {"const": scope.value}} | extra.get(scope, {}),
                "required": ["scope", *extra.get(scope, {})],
                "additionalProperties": False,
            }
            for scope in RunScope
        ]
    }


def run_answer(session: Session, run: TaggingRun) -> dict[str, object]:
    """Return what the API says of a run."""
    progress = progress_of(session, run)
    return {
        "id": run.id,
        "scope": run.scope,
        "covers": run.covers,
        "state": run.state,
        "reason": run.reason,
        "counts": progress.counts,
        "seconds_left": progress.seconds_left,
        "created_at": run.created_at,
        "finished_at": run.finished_at,
    }
