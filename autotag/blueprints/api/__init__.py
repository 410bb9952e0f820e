"""The API for programs, version 1: documents, tags, runs and configuration as JSON, by token alone.

Views are thin, as those of the pages are, and call the same services. What the OpenAPI document says is read from
them: `specification` makes it when it is first asked for.
"""

from flask import Blueprint

from autotag.blueprints.api.calls import ApiBlueprint

PREFIX = "/api/v1"

blueprint = ApiBlueprint("api", __name__, url_prefix=PREFIX)
reference_blueprint = Blueprint("api_reference", __name__, url_prefix=PREFIX)

# The views register themselves on the blueprint, so it must be there first.
import autotag.blueprints.api.configuration  # noqa: E402 - the views register themselves on the blueprint
import autotag.blueprints.api.document_acts  # noqa: E402 - as above
import autotag.blueprints.api.documents  # noqa: E402 - as above
import autotag.blueprints.api.files  # noqa: E402 - as above
import autotag.blueprints.api.limits  # noqa: E402 - as above
import autotag.blueprints.api.reference  # noqa: E402 - as above
import autotag.blueprints.api.refusals  # noqa: E402 - as above
import autotag.blueprints.api.runs  # noqa: E402 - as above
import autotag.blueprints.api.tags  # noqa: E402 - as above
import autotag.blueprints.api.uploads  # noqa: E402, F401 - as above
