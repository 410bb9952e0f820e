"""What a person does with a run that is there."""

from collections.abc import Callable

from flask import flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from autotag.blueprints.access import requires
from autotag.blueprints.errors import problem, wants_problem
from autotag.blueprints.numbers import read_number
from autotag.blueprints.presentation import counted
from autotag.blueprints.runs import ONE_RUN, blueprint
from autotag.extensions import db
from autotag.models import Role
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.tagging.runs import lifecycle
from autotag.tagging.tags.names import TaggingRefused

NOTHING_LEFT = "Nothing is left to retry."


@blueprint.post(f"{ONE_RUN}/pause")
@requires(Role.EDITOR)
def pause(run_id: int) -> ResponseReturnValue:
    """Stop a run for a while."""
    return act(lifecycle.pause_run, run_id)


@blueprint.post(f"{ONE_RUN}/resume")
@requires(Role.EDITOR)
def resume(run_id: int) -> ResponseReturnValue:
    """Go on with a paused or cancelled run."""
    return act(lifecycle.resume_run, run_id)


@blueprint.post(f"{ONE_RUN}/cancel")
@requires(Role.EDITOR)
def cancel(run_id: int) -> ResponseReturnValue:
    """End a run; what it has done stays."""
    return act(lifecycle.cancel_run, run_id)


@blueprint.post(f"{ONE_RUN}/undo")
@requires(Role.EDITOR)
def undo(run_id: int) -> ResponseReturnValue:
    """Take away what a run added."""
    return act(lifecycle.undo_run, run_id)


@blueprint.post(f"{ONE_RUN}/retry")
@requires(Role.EDITOR)
def retry(run_id: int) -> ResponseReturnValue:
    """Try the failed files of a run again, or the one that the form names."""
    named = request.form.get("document_id")
    document_id = None if named is None else read_number(named) or 0

    def try_again(work: UnitOfWork, instance_id: int, run_id: int) -> str:
        number = lifecycle.retry_failed(work, instance_id, run_id, document_id)
        return (
            f"{counted(number, 'file is', 'files are')} tried again."
            if number
            else "Nothing is left to retry."
        )

    return act(try_again, run_id)


def act(action: Callable[[UnitOfWork, int, int], object], run_id: int) -> ResponseReturnValue:
    """Do it, and lead to the run's page, which shows what came of it; a text that the action returns is said there."""
    target = url_for("runs.show", run_id=run_id)
    try:
        with unit_of_work(db.session()) as work:
            told = action(work, g.instance.id, run_id)
    except TaggingRefused as error:
        return refused(error, target)
    if isinstance(told, str):
        flash(told, "success")
    return redirect(target, 303)


def refused(error: TaggingRefused, target: str) -> ResponseReturnValue:
    """Say why something cannot be done: a program is told at once, a person on the page that follows."""
    if wants_problem():
        return problem(409, error.code, error.message)
    flash(error.message, "warning")
    return redirect(target, 303)
