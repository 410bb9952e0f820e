"""The pages of Documents and Media, and the fragments that keep them up to date."""

from flask import g, get_template_attribute, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.documents import blueprint
from autotag.blueprints.documents.forms import requested_ids
from autotag.blueprints.services import services
from autotag.extensions import db
from autotag.inference.store import ModelStore
from autotag.media.library import DocumentSummary, list_documents, summaries
from autotag.models import Role
from autotag.tagging.first_run import FirstRun, first_run


@blueprint.get("/")
@requires(Role.VIEWER)
def home() -> ResponseReturnValue:
    """Lead to the page that people come for."""
    return redirect(url_for("documents.index"))


@blueprint.get("/documents")
@requires(Role.VIEWER)
def index() -> ResponseReturnValue:
    """Show the files as cards, newest first, a page at a time."""
    cursor = request.args.get("cursor")
    page = list_documents(db.session(), g.instance.id, cursor=cursor)
    checklist = steps_of_first_run() if page.total == 0 and current_user.may(Role.ADMINISTRATOR) else None
    return render_template("documents/index.html", page=page, cursor=cursor, checklist=checklist)


@blueprint.get("/documents/cards")
@requires(Role.VIEWER)
def cards() -> ResponseReturnValue:
    """Answer how some cards look now, and which of them will still change."""
    found = summaries(db.session(), g.instance.id, requested_ids(request.args))
    pending = [item.document.id for item in found if not item.document.tagging_state.is_final]
    return {"cards": {str(item.document.id): render_card(item) for item in found}, "pending": pending}


def steps_of_first_run() -> FirstRun:
    """Look how far this instance is from its first tagged photograph."""
    return first_run(db.session(), g.instance.id, ModelStore(services().config.models_path))


def render_card(summary: DocumentSummary) -> str:
    """Render one card the way the grid does."""
    return str(get_template_attribute("components/document_card.html", "document_card")(summary)).strip()
