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
from autotag.blueprints.api import (  # noqa: E402, F401 - imported for what they register
    bulk_actions,
    configuration,
    document_actions,
    documents,
    files,
    limits,
    reference,
    refusals,
    runs,
    tags,
    uploads,
)
