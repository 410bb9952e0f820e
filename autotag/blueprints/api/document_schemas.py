"""Documents as JSON: what a list and a single one say, and what may be sent."""

import re

from marshmallow import Schema, ValidationError, fields, validate

from autotag.blueprints.api.cursors import cursor_field, limit_field
from autotag.blueprints.api.fields import LARGEST_ID, Body, Text, TypedWhole, Whole
from autotag.blueprints.api.tag_names import tag_name_field
from autotag.blueprints.api.upload_schemas import MOST_TAGS
from autotag.media.library.editing import DESCRIPTION_LENGTH, TITLE_LENGTH
from autotag.media.library.library import DocumentSummary
from autotag.media.library.query import Order
from autotag.models import AssignmentSource, TaggingState
from autotag.tagging.policy import NAME_LENGTH

LONGEST_SEARCH = 200
MOST_FILTER_TAGS = 8

TITLE_PATTERN = r"[^\s\x00-\x1f\x7f-\x9f]"


def shows_something(text: str) -> None:
    """Refuse a title in which there is nothing to see."""
    if not re.search(TITLE_PATTERN, text):
        raise ValidationError("Enter a title.")


class AssignedTagSchema(Schema):
    """A tag as it stands on a document."""

    name = fields.String(required=True)
    source = fields.Enum(AssignmentSource, by_value=True, required=True)
    provider = fields.String(required=True, allow_none=True)
    model = fields.String(required=True, allow_none=True)
    confidence = fields.Float(required=True, allow_none=True, metadata={"minimum": 0, "maximum": 1})


class TaggingSchema(Schema):
    """Where a document stands in tagging."""

    state = fields.Enum(TaggingState, by_value=True, required=True)
    reason_code = fields.String(required=True)
    reason = fields.String(required=True)
    attempts = fields.Integer(required=True)
    updated_at = fields.DateTime(required=True)


class DocumentSchema(Schema):
    """A file with its tags."""

    id = fields.Integer(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True)
    file_name = fields.String(required=True)
    mime_type = fields.String(required=True)
    size = fields.Integer(required=True, metadata={"description": "Bytes."})
    width = fields.Integer(required=True, allow_none=True, metadata={"description": "Pixels."})
    height = fields.Integer(required=True, allow_none=True, metadata={"description": "Pixels."})
    sha256 = fields.String(required=True)
    version = fields.Integer(required=True)
    created_at = fields.DateTime(required=True)
    updated_at = fields.DateTime(required=True)
    folder_id = fields.Integer(required=True, allow_none=True)
    tags = fields.List(fields.Nested(AssignedTagSchema), required=True)
    tagging = fields.Nested(TaggingSchema, required=True)


class DocumentPageSchema(Schema):
    """One page of documents."""

    items = fields.List(fields.Nested(DocumentSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class DocumentFilterSchema(Schema):
    """Which documents, and in which order."""

    tag = fields.List(
        Text(validate=validate.Length(1, NAME_LENGTH)),
        validate=validate.Length(max=MOST_FILTER_TAGS),
        metadata={"description": "A tag that the documents have; several must all be there."},
    )
    q = Text(
        validate=validate.Length(max=LONGEST_SEARCH),
        metadata={"description": "Words in title, file name, description or tags."},
    )
    state = fields.Enum(TaggingState, by_value=True)
    folder_id = TypedWhole(
        validate=validate.Range(1, LARGEST_ID),
        metadata={
            "description": "The files of this folder; with another filter those of the folders below, too."
        },
    )
    sort = fields.Enum(Order, by_value=True, load_default=Order.NEWEST, metadata={"default": "newest"})
    cursor = cursor_field()
    limit = limit_field()


class DocumentChangeSchema(Body):
    """What is to be another in a document; what is not sent stays."""

    title = Text(
        validate=[validate.Length(1, TITLE_LENGTH), shows_something],
        metadata={"pattern": TITLE_PATTERN},
    )
    description = Text(validate=validate.Length(max=DESCRIPTION_LENGTH))
    folder_id = Whole(
        allow_none=True,
        validate=validate.Range(1, LARGEST_ID),
        metadata={"description": "The folder it moves to; null for the top."},
    )


class NewTagsSchema(Body):
    """Tags to put on a document by hand."""

    tags = fields.List(tag_name_field(), required=True, validate=validate.Length(1, MOST_TAGS))


def document_answer(summary: DocumentSummary) -> dict[str, object]:
    """Return what the API says of a document."""
    document = summary.document
    names = ("id", "title", "description", "file_name", "mime_type", "size", "width", "height", "sha256")
    return {
        **{name: getattr(document, name) for name in names},
        "version": document.version_number,
        "created_at": document.created_at,
        "updated_at": document.updated_at,
        "folder_id": document.folder_id,
        "tags": summary.tags,
        "tagging": {
            "state": document.tagging_state,
            "reason_code": document.tagging_reason_code,
            "reason": document.tagging_reason,
            "attempts": document.tagging_attempts,
            "updated_at": document.tagging_updated_at,
        },
    }
