"""What a person does on the operations page: try again, resume a provider, enable the process."""

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.control_panel.provider_actions import ENABLED_AGAIN, RESUMED
from autotag.blueprints.numbers import MAXIMUM_ID
from autotag.blueprints.operations import blueprint
from autotag.blueprints.operations.scope import Viewed, acted_on, session_for
from autotag.blueprints.presentation import counted
from autotag.configuration.entries import find_entry
from autotag.models import Role, TaggingRun, TaggingState
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.provider_health.overview import enable_process_again, resume_provider
from autotag.tagging.runs.retry import NothingToRetry, Requester, retry_document, retry_reason
from autotag.tagging.tags.names import TaggingRefused

NOTHING_LEFT = "Nothing is left to try again here: it was tried, tagged or removed meanwhile."


@blueprint.post(f"/documents/<int(max={MAXIMUM_ID}):document_id>/retry")
@requires(Role.ADMINISTRATOR)
def retry_one(document_id: int) -> ResponseReturnValue:
    """Try one failed or quarantined document again."""
    viewed = acted_on()
    try:
        with session_for(viewed) as session, unit_of_work(session) as work:
            run = retry_document(work, instance_id(viewed), document_id, requester(viewed))
            told = tried(run)
    except (NothingToRetry, TaggingRefused) as error:
        return back(str(error) or NOTHING_LEFT, "warning")
    return back(told)


@blueprint.post("/retry")
@requires(Role.ADMINISTRATOR)
def retry() -> ResponseReturnValue:
    """Try all documents of an instance again that are in a state for the same reason."""
    viewed = acted_on()
    state, code = wanted_state(), request.args.get("reason", "")
    try:
        with session_for(viewed) as session, unit_of_work(session) as work:
            run = retry_reason(work, instance_id(viewed), state, code, requester(viewed))
            told = tried(run)
    except (NothingToRetry, TaggingRefused) as error:
        return back(str(error) or NOTHING_LEFT, "warning")
    return back(told)


@blueprint.post("/providers/<string:entry_key>/resume")
@requires(Role.ADMINISTRATOR)
def resume(entry_key: str) -> ResponseReturnValue:
    """Ask a provider again at once, in one instance."""
    viewed = acted_on()
    entry = find_entry(entry_key)
    if not entry.provider:
        abort(404)
    with session_for(viewed) as session, unit_of_work(session) as work:
        resume_provider(work, entry, instance_id(viewed), current_user.user.email)
    return back(RESUMED)


@blueprint.post("/process/enable-again")
@requires(Role.SYSTEM_ADMINISTRATOR)
def enable_process() -> ResponseReturnValue:
    """Let the TensorFlow process start again, in the whole installation."""
    with session_for(Viewed(None)) as session, unit_of_work(session) as work:
        enable_process_again(work, current_user.user.email)
    return back(ENABLED_AGAIN)


def wanted_state() -> TaggingState:
    """Read the state of the documents to try again; one that there is not is a page not found."""
    try:
        return TaggingState(request.args.get("state", ""))
    except ValueError:
        abort(404)


def instance_id(viewed: Viewed) -> int:
    """Return the instance that is acted on."""
    if viewed.instance is None:
        abort(404)
    return viewed.instance.id


def requester(viewed: Viewed) -> Requester:
    """Name the person who asks; a run of another instance cannot point at them, so the audit trail does."""
    return Requester(current_user.user.email, current_user.user.id if viewed.is_own else None)


def tried(run: TaggingRun) -> str:
    """Say what was begun."""
    return f"Trying {counted(run.total, 'file')} again."


def back(message: str, category: str = "success") -> ResponseReturnValue:
    """Lead back to the page that was looked at."""
    flash(message, category)
    return redirect(url_for("operations.index", instance=request.args.get("view") or None), 303)
