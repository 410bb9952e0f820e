"""Starting runs: over everything, over a folder, over one document."""

from collections.abc import Callable

from flask import abort, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from markupsafe import Markup

from autotag.blueprints.access import requires
from autotag.blueprints.documents import ONE_DOCUMENT
from autotag.blueprints.errors import wants_problem
from autotag.blueprints.numbers import MAXIMUM_ID
from autotag.blueprints.presentation import counted, safe_next
from autotag.blueprints.runs import blueprint
from autotag.blueprints.runs.actions import refused
from autotag.extensions import db
from autotag.media.library.library import load_document
from autotag.media.library.query import Selection
from autotag.models import Role, RunScope, TaggingRun
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.tagging.runs.lifecycle import COVERS, selection_of, start_for_folder, start_run
from autotag.tagging.tags.names import TaggingRefused

ONE_FOLDER = f"/folders/<int(max={MAXIMUM_ID}):folder_id>"


@blueprint.post("/runs")
@requires(Role.EDITOR)
def start() -> ResponseReturnValue:
    """Start a run over everything, or over all that has no tags."""
    scope = next((scope for scope in COVERS if scope == request.form.get("scope")), None)
    if scope is None:
        abort(400, "Choose what the run is to cover.")

    def begin(work: UnitOfWork) -> TaggingRun:
        return start_run(
            work,
            g.instance.id,
            scope=scope,
            selection=selection_of(scope),
            covers=COVERS[scope],
            user_id=current_user.user.id,
        )

    return lead_to(begin, url_for("runs.index"))


@blueprint.post(f"{ONE_DOCUMENT}/tag-again")
@requires(Role.EDITOR)
def tag_document(document_id: int) -> ResponseReturnValue:
    """Tag one document again, and stay with it."""
    document = load_document(db.session(), g.instance.id, document_id)
    title = document.title

    def begin(work: UnitOfWork) -> TaggingRun:
        return start_run(
            work,
            g.instance.id,
            scope=RunScope.SELECTION,
            selection=Selection((document_id,)),
            covers=title,
            user_id=current_user.user.id,
        )

    back = safe_next(request.form.get("next")) or url_for("documents.show", document_id=document_id)
    return lead_to(begin, back, stay=True)


@blueprint.post(f"{ONE_FOLDER}/tag-again")
@requires(Role.EDITOR)
def tag_folder(folder_id: int) -> ResponseReturnValue:
    """Tag what lies in a folder, and below it, again."""
    back = safe_next(request.form.get("next")) or url_for("documents.index", folder=folder_id)
    return lead_to(
        lambda work: start_for_folder(work, g.instance.id, folder_id, user_id=current_user.user.id), back
    )


def lead_to(
    begin: Callable[[UnitOfWork], TaggingRun], back: str, *, stay: bool = False
) -> ResponseReturnValue:
    """Start a run and lead to its page, or stay where one was; a refusal is told there."""
    try:
        with unit_of_work(db.session()) as work:
            run = begin(work)
    except TaggingRefused as error:
        return refused(error, back)
    address = url_for("runs.show", run_id=run.id)
    if wants_problem():
        return {"id": run.id, "url": address, "total": run.total}, 201, {"Location": address}
    if not stay:
        return redirect(address, 303)
    flash(run_notice(run), "success")
    return redirect(back, 303)


def run_notice(run: TaggingRun) -> Markup:
    """Say that a run began, with the way to it; for every page that starts one and stays."""
    address = url_for("runs.show", run_id=run.id)
    return Markup('{} tagged again. <a href="{}">Show the run</a>').format(
        counted(run.total, "file is", "files are"), address
    )
