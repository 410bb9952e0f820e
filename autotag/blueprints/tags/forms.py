"""What requests about tags carry."""

from werkzeug.datastructures import MultiDict
from wtforms import StringField

from autotag.blueprints.forms import RefusableForm
from autotag.blueprints.numbers import read_numbers
from autotag.tagging.tags.listing import TagOrder

MOST_MERGED = 200


class TagNameForm(RefusableForm):
    """The name of a tag. What it may be says the service."""

    name = StringField("Name")


def requested_order(arguments: MultiDict[str, str]) -> TagOrder:
    """Read the order of a list; by name unless another one is asked for."""
    try:
        return TagOrder(arguments.get("order", ""))
    except ValueError:
        return TagOrder.NAME


def requested_tags(arguments: MultiDict[str, str]) -> list[int]:
    """Read the ids of tags: numbers only, each once."""
    return read_numbers(arguments.getlist("id"), MOST_MERGED)
