"""Documents and Media: the grid, a document's page, uploads, and the bytes themselves."""

from flask import Blueprint

from autotag.blueprints.numbers import MAXIMUM_ID

blueprint = Blueprint("documents", __name__)

ONE_DOCUMENT = f"/documents/<int(max={MAXIMUM_ID}):document_id>"

# The views register themselves on the blueprint, so it must be there first.
import autotag.blueprints.documents.bulk  # noqa: E402 - the views register themselves on the blueprint
import autotag.blueprints.documents.bulk_pages  # noqa: E402 - as above
import autotag.blueprints.documents.files  # noqa: E402 - the views register themselves on the blueprint
import autotag.blueprints.documents.page  # noqa: E402 - as above
import autotag.blueprints.documents.tag_editor  # noqa: E402 - as above
import autotag.blueprints.documents.tagged  # noqa: E402 - as above
import autotag.blueprints.documents.texts  # noqa: E402 - as above
import autotag.blueprints.documents.uploads  # noqa: E402 - as above
import autotag.blueprints.documents.versions  # noqa: E402 - as above
import autotag.blueprints.documents.views  # noqa: E402, F401 - as above
