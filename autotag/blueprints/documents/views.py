"""The pages of Documents and Media, and the fragments that keep them up to date."""

from flask import g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.documents import ONE_DOCUMENT, blueprint
from autotag.blueprints.documents.address import (
    View,
    arguments_of,
    query_from_arguments,
    view_from_arguments,
)
from autotag.blueprints.documents.cards import Place, render_card
from autotag.blueprints.documents.forms import requested_ids
from autotag.blueprints.documents.listing import listing
from autotag.blueprints.services import services
from autotag.extensions import db
from autotag.inference.installing.store import ModelStore
from autotag.media.folders.folder_tree import path_of
from autotag.media.library.library import WITH_OWNER, load_summary, summaries
from autotag.models import Role
from autotag.operations.onboarding import FirstRun, first_run


@blueprint.get("/")
@requires(Role.VIEWER)
def home() -> ResponseReturnValue:
    """Lead to the page that people come for."""
    return redirect(url_for("documents.index"))


@blueprint.get("/documents")
@requires(Role.VIEWER)
def index() -> ResponseReturnValue:
    """Show the files that the address asks for, a page at a time."""
    shown = listing()
    is_bare = not shown["page"].total and not shown["arguments"]
    checklist = steps_of_first_run() if is_bare and current_user.may(Role.ADMINISTRATOR) else None
    return render_template("documents/index.html", **shown, checklist=checklist)


@blueprint.get("/documents/cards")
@requires(Role.VIEWER)
def cards() -> ResponseReturnValue:
    """Answer how some cards of a list look now, and which of them will still change."""
    view = view_from_arguments(request.args) or View.CARDS
    options = WITH_OWNER if view is View.TABLE else ()
    found = summaries(db.session(), g.instance.id, requested_ids(request.args), options=options)
    place = Place(view, current_user.may(Role.EDITOR), arguments_of(query_from_arguments(request.args)))
    pending = [item.document.id for item in found if not item.document.tagging_state.is_final]
    return {"cards": {str(item.document.id): render_card(item, place) for item in found}, "pending": pending}


@blueprint.get(f"{ONE_DOCUMENT}/panel")
@requires(Role.VIEWER)
def panel(document_id: int) -> ResponseReturnValue:
    """Answer what stands in the panel beside the list about one document."""
    session = db.session()
    summary = load_summary(session, g.instance.id, document_id)
    folder_id = summary.document.folder_id
    path = path_of(session, g.instance.id, folder_id) if folder_id is not None else []
    place = Place(arguments=arguments_of(query_from_arguments(request.args)))
    return {"html": render_template("documents/_panel.html", summary=summary, path=path, place=place)}


def steps_of_first_run() -> FirstRun:
    """Look how far this instance is from its first tagged photograph."""
    return first_run(db.session(), g.instance.id, ModelStore(services().config.models_path))
