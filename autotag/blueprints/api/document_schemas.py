"""Documents as JSON: what a list and a single one say, and what may be sent."""

import re

from marshmallow import Schema, ValidationError, fields, validate

from autotag.blueprints.api.cursors import cursor_field, limit_field
from autotag.blueprints.api.fields import LARGEST_ID, Body, SentFile, Text, TypedWhole, Whole
from autotag.media.editing import DESCRIPTION_LENGTH, TITLE_LENGTH
from autotag.media.idempotency import PATTERN as KEY_PATTERN
from autotag.media.library import DocumentSummary
from autotag.media.query import Order
from autotag.models import AssignmentSource, TaggingState
from autotag.tagging.policy import FORBIDDEN_CHARACTERS, NAME_LENGTH

LONGEST_SEARCH = 200
MOST_FILTER_TAGS = 8
MOST_TAGS = 100

# Characters that nobody sees, Unicode's categories Cc and Cf, as the service refuses them; white space is collapsed.
UNSEEN = (
    "\\x00-\\x08\\x0e-\\x1b\\x7f-\\x84\\x86-\\x9f\\xad\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2"
    "\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u206f\\ufeff\\ufff9-\\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
FORBIDDEN = re.sub(r"([\[\]\\])", r"\\\1", "".join(sorted(FORBIDDEN_CHARACTERS)))
LETTER = f"[^{FORBIDDEN}{UNSEEN}]"
NAME_PATTERN = f"^{LETTER}*[^{FORBIDDEN}{UNSEEN}\\s]{LETTER}*$"
LIST_PATTERN = f"^{LETTER}{{0,{NAME_LENGTH}}}(,{LETTER}{{0,{NAME_LENGTH}}})*$"
TITLE_PATTERN = r"[^\s\x00-\x1f\x7f-\x9f]"


def shows_something(text: str) -> None:
    """Refuse a title in which there is nothing to see."""
    if not re.search(TITLE_PATTERN, text):
        raise ValidationError("Enter a title.")


def tag_name_field(*, required: bool = False) -> Text:
    """Return the field of a tag's name."""
    return Text(
        validate=[
            validate.Length(1, NAME_LENGTH),
            validate.Regexp(NAME_PATTERN, error="This can be no tag."),
        ],
        metadata={"description": "A tag. Names that differ only in case are the same tag."},
        required=required,
    )


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


class UploadSchema(Body):
    """A file and what is to become of it."""

    file = SentFile(required=True, metadata={"minLength": 1})
    title = Text(
        validate=validate.Length(max=TITLE_LENGTH), metadata={"description": "Default: the file's name."}
    )
    folder_id = TypedWhole(allow_none=True, validate=validate.Range(1, LARGEST_ID))
    tags = fields.List(
        Text(validate=validate.Regexp(LIST_PATTERN, error="This can be no tag.")),
        validate=validate.Length(max=MOST_TAGS),
        metadata={"description": "Tags, one a field or separated by commas. A file with tags is not tagged."},
    )


class UploadHeadersSchema(Schema):
    """The name that a program gives an upload."""

    idempotency_key = Text(
        data_key="Idempotency-Key",
        validate=validate.Regexp(KEY_PATTERN, error="A key has 1 to 128 letters, digits and any of . _ : -"),
        metadata={
            "description": "A name of your own for the upload. Sent again within 24 hours, it is the document that "
            "it became, with `Idempotent-Replayed: true`, and no second one."
        },
    )


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
