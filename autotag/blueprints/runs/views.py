"""The pages of runs, and what keeps one up to date while it is looked at."""

from flask import g, render_template, request
from flask.typing import ResponseReturnValue

from autotag.blueprints.access import requires
from autotag.blueprints.numbers import read_number
from autotag.blueprints.runs import ONE_RUN, blueprint
from autotag.blueprints.runs.labels import run_announcement
from autotag.configuration.effective import load_tagging_settings
from autotag.extensions import db
from autotag.models import Role, RunScope, TaggingRun
from autotag.tagging.runs.lifecycle import count_covered, load_run
from autotag.tagging.runs.progress import RunProgress, list_failures, list_runs, list_tagged, progress_of

RUNS_ON_A_PAGE = 30
FAILURES_SHOWN = 50
FILES_SHOWN = 24


@blueprint.get("/runs")
@requires(Role.EDITOR)
def index() -> ResponseReturnValue:
    """Show the runs, newest first, and what a new one would cover."""
    session, instance_id = db.session(), g.instance.id
    before = read_number(request.args.get("before", ""))
    found = list_runs(session, instance_id, before_id=before, limit=RUNS_ON_A_PAGE + 1)
    shown = found[:RUNS_ON_A_PAGE]
    covered = count_covered(session, instance_id)
    return render_template(
        "runs/index.html",
        runs=shown,
        before=before,
        older=shown[-1].run.id if len(found) > RUNS_ON_A_PAGE else None,
        untagged=covered[RunScope.UNTAGGED],
        everything=covered[RunScope.ALL],
        refusal=load_tagging_settings(session, instance_id).refusal,
    )


@blueprint.get(ONE_RUN)
@requires(Role.EDITOR)
def show(run_id: int) -> ResponseReturnValue:
    """Show one run: how far it is, what failed, what it tagged."""
    run = load_run(db.session(), g.instance.id, run_id)
    progress = progress_of(db.session(), run)
    files = page_of_files(run)
    return render_template("runs/show.html", progress=progress, run=run, **files)


@blueprint.get(f"{ONE_RUN}/progress")
@requires(Role.EDITOR)
def progress(run_id: int) -> ResponseReturnValue:
    """Answer how far a run is now, for its page to show without a reload."""
    run = load_run(db.session(), g.instance.id, run_id)
    return progress_answer(progress_of(db.session(), run))


def progress_answer(progress: RunProgress) -> dict[str, object]:
    """Return what the page of a run puts in place of what it shows, and whether to ask again."""
    run = progress.run
    return {
        "state": run.state,
        "progress": render_template("runs/_progress.html", progress=progress, run=run),
        "actions": render_template("runs/_actions.html", progress=progress, run=run),
        "files": render_template("runs/_files.html", progress=progress, run=run, **page_of_files(run)),
        "announcement": run_announcement(progress),
        "pending": progress.is_changing,
    }


def page_of_files(run: TaggingRun) -> dict[str, object]:
    """Return the failures and the tagged files from where the address says on, and where each list goes on."""
    after_failure = read_number(request.args.get("failed-after", "")) or 0
    after_file = read_number(request.args.get("after", "")) or 0
    session = db.session()
    failures = list_failures(session, run, after_id=after_failure, limit=FAILURES_SHOWN + 1)
    tagged = list_tagged(session, run, after_id=after_file, limit=FILES_SHOWN + 1)
    return {
        "failures": failures[:FAILURES_SHOWN],
        "tagged": tagged[:FILES_SHOWN],
        "next_failure": failures[FAILURES_SHOWN - 1].document.id if len(failures) > FAILURES_SHOWN else None,
        "next_file": tagged[FILES_SHOWN - 1].id if len(tagged) > FILES_SHOWN else None,
        "is_first_page": not after_failure and not after_file,
    }
