"""Runs: long work over many documents, with progress."""

from typing import Any

from flask import g, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.api import blueprint
from autotag.blueprints.api.calls import Answer
from autotag.blueprints.api.run_schemas import RUN_HEADERS, RunSchema, RunStartSchema, run_answer
from autotag.extensions import db
from autotag.media.library.query import Selection
from autotag.models import Role, RunScope, TaggingRun
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.tagging.runs.lifecycle import (
    COVERS,
    cancel_run,
    load_run,
    selection_of,
    start_for_folder,
    start_run,
)

TAG = "Runs"
ONE_RUN = "/runs/<int:run_id>"


@blueprint.call(
    "POST",
    "/runs",
    Role.EDITOR,
    Answer(201, RunSchema, headers=RUN_HEADERS),
    tag=TAG,
    problems=["folder_not_found", "nothing_to_tag", "switched_off"],
    json=RunStartSchema,
)
def start_new_run(asked: dict[str, Any]) -> ResponseReturnValue:
    """Tag many documents

    Over everything, all that has no tags, a folder with those below it, or chosen documents.
    """
    with unit_of_work(db.session()) as work:
        run = begin(work, asked)
    address = url_for("api.show_run", run_id=run.id)
    return run_answer(db.session(), run), 201, {"Location": address}


@blueprint.call("GET", ONE_RUN, Role.EDITOR, Answer(200, RunSchema), tag=TAG, problems=["run_not_found"])
def show_run(run_id: int) -> dict[str, object]:
    """Show how far a run is"""
    return run_answer(db.session(), load_run(db.session(), g.instance.id, run_id))


@blueprint.call(
    "POST",
    f"{ONE_RUN}/cancel",
    Role.EDITOR,
    Answer(200, RunSchema),
    tag=TAG,
    problems=["run_not_found", "run_state"],
)
def cancel_one_run(run_id: int) -> dict[str, object]:
    """End a run before its end

    What it has done stays.
    """
    with unit_of_work(db.session()) as work:
        run = cancel_run(work, g.instance.id, run_id)
    return run_answer(db.session(), run)


def begin(work: UnitOfWork, asked: dict[str, Any]) -> TaggingRun:
    """Start what was asked for."""
    instance_id, user_id, scope = g.instance.id, current_user.user.id, asked["scope"]
    if scope is RunScope.FOLDER:
        return start_for_folder(work, instance_id, asked["folder_id"], user_id=user_id)
    if scope is RunScope.SELECTION:
        chosen = Selection(tuple(asked["document_ids"]))
        covers = "Selected files"
    else:
        chosen, covers = selection_of(scope), COVERS[scope]
    return start_run(work, instance_id, scope=scope, selection=chosen, covers=covers, user_id=user_id)
