"""The OpenAPI document and a page that shows it: open, for they say what the product can do, not what is in it."""

from flask import Response, json, render_template
from flask.typing import ResponseReturnValue

from autotag.blueprints.access import public
from autotag.blueprints.api import reference_blueprint
from autotag.blueprints.api.reference_view import sections
from autotag.blueprints.api.specification import openapi_document


@reference_blueprint.get("/openapi.json")
@public
def document() -> ResponseReturnValue:
    """Answer the OpenAPI 3.1 document."""
    return Response(json.dumps(openapi_document()), content_type="application/json")


@reference_blueprint.get("/docs")
@public
def page() -> ResponseReturnValue:
    """Show all calls, what they take and what they answer."""
    document = openapi_document()
    return render_template("api/reference.html", document=document, sections=sections(document))
