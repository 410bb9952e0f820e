"""`autotag assets untag` and `autotag assets commit`: what becomes of automatic tags."""

import sys

import click

from autotag.cli.assets.choice import NothingToDo, chosen, refusals_told
from autotag.cli.assets.options import (
    DOCUMENTS,
    FOLDER,
    INSTANCE,
    RUN,
    WAIT,
    counted,
    only_one_of,
    print_answer,
    see_status,
)
from autotag.cli.common.database import actor, open_sessions, reading, writing
from autotag.cli.common.environment import load_config
from autotag.cli.common.options import JSON
from autotag.cli.common.wait_for_completion import Look, follow, warn_if_nobody_works
from autotag.cli.output import echo
from autotag.config import Config
from autotag.instances.administration import find_by_web_id
from autotag.models import BulkAction, BulkActionState, TaggingRun
from autotag.tagging.bulk.actions import BulkKind, load_action, start_action
from autotag.tagging.bulk.whole_instance import start_for_everything
from autotag.tagging.runs.commit import commit_run
from autotag.tagging.runs.lifecycle import load_run, undo_run
from autotag.tagging.runs.progress import count_items

DONE = {
    BulkKind.UNTAG: "Automatic tags taken off",
    BulkKind.COMMIT: "Automatic tags committed",
}


@click.command(name="untag")
@INSTANCE
@DOCUMENTS
@FOLDER
@RUN
@WAIT
@JSON
def untag(
    web_id: str,
    document_ids: tuple[int, ...],
    folder: str | None,
    run_id: int | None,
    wait: bool,
    as_json: bool,
) -> None:
    """Take automatic tags off: of all files, a folder, some, or those of a run. What people tagged stays.

    \b
    Examples:
      autotag assets untag --instance default --document 17
      autotag assets untag --instance acme --run 3 --wait
      autotag assets untag --instance acme
    """
    only_one_of(document=document_ids, folder=folder, run=run_id)
    if run_id is None:
        _act(BulkKind.UNTAG, web_id, document_ids, folder, wait=wait, as_json=as_json)
    else:
        _undo(web_id, run_id, wait=wait, as_json=as_json)


@click.command(name="commit")
@INSTANCE
@DOCUMENTS
@FOLDER
@RUN
@WAIT
@JSON
def commit(
    web_id: str,
    document_ids: tuple[int, ...],
    folder: str | None,
    run_id: int | None,
    wait: bool,
    as_json: bool,
) -> None:
    """Turn automatic tags into ordinary ones: of all files, a folder, some, or those of a run.

    \b
    Examples:
      autotag assets commit --instance default --folder Catalogue
      autotag assets commit --instance acme --run 3
    """
    only_one_of(document=document_ids, folder=folder, run=run_id)
    if run_id is None:
        _act(BulkKind.COMMIT, web_id, document_ids, folder, wait=wait, as_json=as_json)
        return
    config = load_config()
    with refusals_told(), reading(config) as session:
        instance_id = find_by_web_id(session, web_id).id
        number = commit_run(open_sessions(config), instance_id, run_id, user_id=None)
    answer = {"run": run_id, "committed": number}
    line = f"{counted(number, 'automatic tag')} of run {run_id} committed."
    print_answer(answer, line, as_json=as_json)


def _act(
    kind: BulkKind,
    web_id: str,
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
            selection = chosen(work.session, instance_id, document_ids, folder)
            if selection is None:
                action = start_for_everything(work, instance_id, kind, user_id=None, actor=actor())
            else:
                action = start_action(work, instance_id, kind, selection, user_id=None, actor=actor())
    except NothingToDo:
        if document_ids or folder:
            raise
        print_answer({"action": None, "total": 0}, "There are no files.", as_json=as_json)
        return
    if wait and action.state is BulkActionState.RUNNING:
        action = _follow_action(config, web_id, instance_id, action.id, as_json)
    answer = {"action": action.id, "state": action.state, "done": action.done, "total": action.total}
    if action.state is BulkActionState.RUNNING:
        line = (
            f"Action {action.id} is under way over {counted(action.total, 'file')}. See: {see_status(web_id)}"
        )
    else:
        line = f"{DONE[kind]}: {counted(action.done, 'file')}."
    print_answer(answer, line, as_json=as_json)
    if action.state in (BulkActionState.FAILED, BulkActionState.CANCELLED):
        echo(f"The action {action.state} after {action.done:,} files. {action.reason}".strip(), err=True)
        sys.exit(1)


def _undo(web_id: str, run_id: int, *, wait: bool, as_json: bool) -> None:
    config = load_config()
    with refusals_told(), writing(config) as work:
        instance_id = find_by_web_id(work.session, web_id).id
        run = undo_run(work, instance_id, run_id)
    if wait and run.finished_at is None:
        run = _follow_undo(config, web_id, instance_id, run_id, as_json)
    is_over = run.finished_at is not None
    answer = {"run": run_id, "state": run.state, "finished": is_over}
    state = "undone" if is_over else "being undone"
    line = f"Run {run_id} is {state}: what it added {'is gone' if is_over else 'goes'}, nothing else."
    print_answer(answer, line, as_json=as_json)


def _follow_action(
    config: Config, web_id: str, instance_id: int, action_id: int, as_json: bool
) -> BulkAction:
    warn_if_nobody_works(config)
    sessions = open_sessions(config)

    def load() -> BulkAction:
        with sessions() as session:
            return load_action(session, instance_id, action_id)

    def look() -> Look:
        action = load()
        return Look(action.done, action.total, action.state is not BulkActionState.RUNNING)

    follow(f"Action {action_id}", look, quiet=as_json, goes_on=f"See: {see_status(web_id)}")
    return load()


def _follow_undo(config: Config, web_id: str, instance_id: int, run_id: int, as_json: bool) -> TaggingRun:
    warn_if_nobody_works(config)
    sessions = open_sessions(config)

    def look() -> Look:
        with sessions() as session:
            run = load_run(session, instance_id, run_id)
            return Look(count_items(session, run).undone, run.total, run.finished_at is not None)

    follow(f"Undoing run {run_id}", look, quiet=as_json, goes_on=f"See: {see_status(web_id)}")
    with sessions() as session:
        return load_run(session, instance_id, run_id)
