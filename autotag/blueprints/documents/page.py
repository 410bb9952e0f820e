"""The page of one document: all that stands on it, as a whole and in the parts that change while one looks."""

from dataclasses import dataclass
from typing import Any

from flask import g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from autotag.blueprints.access import requires
from autotag.blueprints.documents import ONE_DOCUMENT, blueprint
from autotag.blueprints.documents.address import query_from_arguments
from autotag.blueprints.documents.forms import TextsForm
from autotag.blueprints.documents.undo_tokens import take_from_last_page
from autotag.blueprints.presentation import announcement
from autotag.blueprints.services import services
from autotag.extensions import db
from autotag.media.folders.folder_tree import path_of
from autotag.media.library.adjacent import neighbours_of
from autotag.media.library.editing import edition_of
from autotag.media.library.library import DocumentSummary, load_summary
from autotag.media.uploads.versions import list_versions
from autotag.models import Document, Role
from autotag.tagging.document_tags.explanation import explain
from autotag.tagging.document_tags.history import attempts_of
from autotag.tagging.provider_health.factory import provider_factory

LIST_ARGUMENTS = ("q", "tag", "type", "owner", "state", "untagged", "folder", "order", "view", "cursor")
PARTS = ("trouble", "preview", "tags", "why", "details", "versions", "attempts")


@dataclass(frozen=True, slots=True)
class Refused:
    """What could not be done and is shown in its place, with what was typed."""

    texts: TextsForm | None = None
    theirs: Document | None = None
    names: str = ""
    names_reason: str = ""


@blueprint.get(ONE_DOCUMENT)
@requires(Role.VIEWER)
def show(document_id: int) -> ResponseReturnValue:
    """Show one document."""
    summary = load_summary(db.session(), g.instance.id, document_id)
    return render_page(summary)


@blueprint.get(f"{ONE_DOCUMENT}/tagging")
@requires(Role.VIEWER)
def tagging(document_id: int) -> ResponseReturnValue:
    """Answer how one document looks now, for its page to show without a reload."""
    return parts_of(document_id)


def render_page(summary: DocumentSummary, refused: Refused = Refused()) -> str:
    """Render the whole page, with what was refused if something was."""
    sealed, removed = take_from_last_page(summary.document.id)
    return render_template(
        "documents/show.html",
        **context_of(summary),
        neighbours=neighbours_of(
            db.session(), g.instance.id, query_from_arguments(request.args), summary.document
        ),
        texts=refused.texts or texts_form(summary.document),
        refused=refused,
        sealed=sealed,
        removed=removed,
    )


def parts_of(document_id: int) -> dict[str, Any]:
    """Return the parts of the page that change, by name, and whether they will still change by themselves."""
    summary = load_summary(db.session(), g.instance.id, document_id)
    context = context_of(summary)
    return {
        "parts": {name: render_template(f"documents/_{name}.html", **context) for name in PARTS},
        "announcement": announcement(summary),
        "pending": not summary.document.tagging_state.is_final,
    }


def context_of(summary: DocumentSummary) -> dict[str, Any]:
    """Return what the templates of the page work with."""
    session, document = db.session(), summary.document
    build = provider_factory(services().config)
    return {
        "summary": summary,
        "document": document,
        "here": list_arguments(),
        "folders": [] if document.folder_id is None else path_of(session, g.instance.id, document.folder_id),
        "judged": explain(session, g.instance.id, summary, build),
        "attempts": attempts_of(session, g.instance.id, document.id),
        "versions": list_versions(session, g.instance.id, document.id),
    }


def texts_form(document: Document) -> TextsForm:
    """Return the form with what the document says now."""
    return TextsForm(
        None, title=document.title, description=document.description, edition=edition_of(document)
    )


def list_arguments() -> dict[str, list[str]]:
    """Return the arguments of the list that the person came from, which ride along in each address."""
    return {name: request.args.getlist(name) for name in LIST_ARGUMENTS if name in request.args}


def address_of(document_id: int, anchor: str | None = None) -> str:
    """Return the address of a document's page within the list that the person came from."""
    arguments: dict[str, Any] = list_arguments()
    return url_for("documents.show", document_id=document_id, _anchor=anchor, **arguments)
