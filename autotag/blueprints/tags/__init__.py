"""Tags: the list, one tag with its files, and what people do with tags."""

from flask import Blueprint

from autotag.blueprints.numbers import MAXIMUM_ID

blueprint = Blueprint("tags", __name__, url_prefix="/tags")

ONE_TAG = f"/<int(max={MAXIMUM_ID}):tag_id>"

# The views register themselves on the blueprint, so it must be there first.
import autotag.blueprints.tags.automatic  # noqa: E402 - the views register themselves on the blueprint
import autotag.blueprints.tags.changes  # noqa: E402 - as above
import autotag.blueprints.tags.merging  # noqa: E402 - as above
import autotag.blueprints.tags.views  # noqa: E402, F401 - as above
