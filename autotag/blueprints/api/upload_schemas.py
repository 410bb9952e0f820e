"""What an upload carries."""

from marshmallow import Schema, fields, validate

from autotag.blueprints.api.fields import LARGEST_ID, Body, SentFile, Text, TypedWhole
from autotag.blueprints.api.tag_names import LIST_PATTERN
from autotag.media.library.editing import TITLE_LENGTH
from autotag.media.uploads.idempotency import PATTERN as KEY_PATTERN

MOST_TAGS = 100


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
