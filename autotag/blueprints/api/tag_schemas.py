"""Tags as JSON."""

from marshmallow import Schema, fields, validate

from autotag.blueprints.api.cursors import cursor_field, limit_field
from autotag.blueprints.api.fields import LARGEST_ID, Body, Text, Whole
from autotag.blueprints.api.tag_names import tag_name_field
from autotag.tagging.tags.listing import LONGEST_SEARCH, TagOrder, TagUsage

MOST_MERGED = 200


class TagSchema(Schema):
    """A tag, and on how many documents outside the recycle bin it is."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    documents = fields.Integer(required=True)
    manual = fields.Integer(required=True, metadata={"description": "Put there by people."})
    automatic = fields.Integer(required=True, metadata={"description": "Put there by providers."})


class TagPageSchema(Schema):
    """One page of tags."""

    items = fields.List(fields.Nested(TagSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class TagFilterSchema(Schema):
    """Which tags, and in which order."""

    q = Text(validate=validate.Length(max=LONGEST_SEARCH), metadata={"description": "A part of the name."})
    sort = fields.Enum(
        TagOrder, by_value=True, load_default=TagOrder.NAME, metadata={"default": TagOrder.NAME.value}
    )
    cursor = cursor_field()
    limit = limit_field()


class TagNameSchema(Body):
    """The name of a tag."""

    name = tag_name_field(required=True)


class TagMergeSchema(Body):
    """Tags that become one."""

    source_ids = fields.List(
        Whole(validate=validate.Range(1, LARGEST_ID)),
        required=True,
        validate=validate.Length(1, MOST_MERGED),
        metadata={"description": "The tags that go."},
    )
    target_id = Whole(
        required=True,
        validate=validate.Range(1, LARGEST_ID),
        metadata={"description": "The tag that their documents get instead."},
    )


def tag_answer(usage: TagUsage) -> dict[str, object]:
    """Return what the API says of a tag."""
    return {
        "id": usage.id,
        "name": usage.name,
        "documents": usage.total,
        "manual": usage.manual,
        "automatic": usage.automatic,
    }
