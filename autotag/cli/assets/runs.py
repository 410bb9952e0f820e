"""`autotag assets tag-untagged` and `autotag assets retag`: runs, as the pages start them."""

import sys

import click

from autotag.cli.assets.choice import NothingToDo, chosen, refusals_told
from autotag.cli.assets.options import (
    DOCUMENTS,
    FOLDER,
    INSTANCE,
    WAIT,
    counted,
    only_one_of,
    print_answer,
    see_status,
)
from autotag.cli.common.database import open_sessions, reading, writing
from autotag.cli.common.environment import load_config
from autotag.cli.common.options import JSON
from autotag.cli.common.wait_for_completion import Look, follow, warn_if_nobody_works
from autotag.cli.output import echo
from autotag.config import Config
from autotag.instances.administration import find_by_web_id
from autotag.models import RunScope, RunState
from autotag.tagging.runs.lifecycle import load_run, selection_of, start_run
from autotag.tagging.runs.progress import RunProgress, count_items, progress_of

COVERS = {
    RunScope.UNTAGGED: "All images without tags",
    RunScope.ALL: "All images",
    RunScope.SELECTION: "Chosen files",
}


@click.command(name="tag-untagged")
@INSTANCE
@WAIT
@JSON
def tag_untagged(web_id: str, wait: bool, as_json: bool) -> None:
    """Tag the images that have no tags.

    \b
    Example:
      autotag assets tag-untagged --instance default --wait
    """
    _run(web_id, RunScope.UNTAGGED, (), None, wait=wait, as_json=as_json)


@click.command(name="retag")
@INSTANCE
@DOCUMENTS
@FOLDER
@WAIT
@JSON
def retag(web_id: str, document_ids: tuple[int, ...], folder: str | None, wait: bool, as_json: bool) -> None:
    """Tag images again: all, a folder's, or some. What is on them stays; what people took off does not return.

    \b
    Examples:
      autotag assets retag --instance default --wait
      autotag assets retag --instance acme --folder Holidays/2026
      autotag assets retag --instance acme --document 17 --document 18
    """
    only_one_of(document=document_ids, folder=folder)
    scope = RunScope.SELECTION if document_ids else RunScope.FOLDER if folder else RunScope.ALL
    _run(web_id, scope, document_ids, folder, wait=wait, as_json=as_json)


def _run(
    web_id: str,
    scope: RunScope,
    document_ids: tuple[int, ...],
    folder: str | None,
    *,
    wait: bool,
    as_json: bool,
) -> None:
    config = load_config()
    try:
        with refusals_told(), writing(config) as work:
            instance_id = find_by_web_id(work.session, web_id).id
            selection = chosen(work.session, instance_id, document_ids, folder) or selection_of(scope)
            covers = folder or COVERS[scope]
            run = start_run(work, instance_id, scope=scope, selection=selection, covers=covers, user_id=None)
    except NothingToDo as nothing:
        # Nobody named a file that is not there, so a job that runs each night has not failed.
        if document_ids or folder:
            raise
        print_answer({"run": None, "total": 0}, nothing.message, as_json=as_json)
        return
    if wait:
        _follow(config, web_id, instance_id, run.id, as_json)
        return
    with reading(config) as session:
        progress = progress_of(session, load_run(session, instance_id, run.id))
    line = f"Run {run.id} is under way: {counted(run.total, 'image')}. See: {see_status(web_id)}"
    print_answer(_answer(progress), line, as_json=as_json)


def _follow(config: Config, web_id: str, instance_id: int, run_id: int, as_json: bool) -> None:
    """Show the run's progress until it is over. Exit code 1 when a document failed or somebody stopped the run."""
    warn_if_nobody_works(config)
    sessions = open_sessions(config)

    def look() -> Look:
        with sessions() as session:
            run = load_run(session, instance_id, run_id)
            counts = count_items(session, run)
            return Look(counts.finished, run.total, run.state is not RunState.RUNNING)

    follow(f"Run {run_id}", look, quiet=as_json, goes_on=f"See: {see_status(web_id)}")
    with sessions() as session:
        progress = progress_of(session, load_run(session, instance_id, run_id))
    counts, state = progress.counts, progress.run.state
    line = f"Run {run_id} {state}: {counted(counts.done, 'image')} done, {counts.failed:,} failed, "
    print_answer(_answer(progress), f"{line}{counts.left_out:,} left out.", as_json=as_json)
    if counts.failed:
        failed = counted(counts.failed, "image")
        echo(f"{failed} could not be tagged; the run's page says why.", err=True)
    if counts.failed or state is not RunState.FINISHED:
        sys.exit(1)


def _answer(progress: RunProgress) -> dict[str, object]:
    run, counts = progress.run, progress.counts
    return {
        "run": run.id,
        "scope": run.scope,
        "covers": run.covers,
        "state": run.state,
        "total": counts.total,
        "done": counts.done,
        "failed": counts.failed,
        "left_out": counts.left_out,
        "left": counts.left,
    }
