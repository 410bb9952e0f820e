"""`autotag assets status`."""

import json
from dataclasses import dataclass

import click

from autotag.cli.assets.options import INSTANCE, counted
from autotag.cli.common.database import reading
from autotag.cli.common.environment import load_config
from autotag.cli.common.options import JSON
from autotag.cli.output import echo
from autotag.instances.administration import find_by_web_id
from autotag.models import TaggingState
from autotag.operations.document_counts import count_states
from autotag.operations.in_progress import (
    UnfinishedAction,
    UnfinishedRun,
    unfinished_actions,
    unfinished_runs,
)
from autotag.operations.process_status import Crew, look_at_crew
from autotag.tagging.bulk.whole_instance import AutomaticTags, count_automatic_tags
from autotag.tagging.queueing.queue import TaggingQueue, connect


@click.command(name="status")
@INSTANCE
@JSON
def status(web_id: str, as_json: bool) -> None:
    """Show how many files are in which state, automatic tags, what is under way, and who works.

    \b
    Example:
      autotag assets status --instance default
    """
    config = load_config()
    with reading(config) as session:
        instance_id = find_by_web_id(session, web_id).id
        states = count_states(session, instance_id)
        automatic = count_automatic_tags(session, instance_id)
        runs = unfinished_runs(session, instance_id)
        actions = unfinished_actions(session, instance_id)
    with connect(config.broker_url) as connection:
        crew = look_at_crew(TaggingQueue(connection))
    standing = _Standing(web_id, states, automatic, runs, actions, crew)
    if as_json:
        echo(json.dumps(_described(standing)))
    else:
        echo("\n".join(_lines(standing)))


@dataclass(frozen=True, slots=True)
class _Standing:
    web_id: str
    states: dict[TaggingState, int]
    automatic: AutomaticTags
    runs: list[UnfinishedRun]
    actions: list[UnfinishedAction]
    crew: Crew


def _described(standing: _Standing) -> dict[str, object]:
    crew, automatic = standing.crew, standing.automatic
    return {
        "instance": standing.web_id,
        "documents": sum(standing.states.values()),
        "states": {str(state): number for state, number in standing.states.items()},
        "automatic_tags": {"tags": automatic.tags, "documents": automatic.documents},
        "runs": [
            {
                "run": run.id,
                "covers": run.covers,
                "paused": run.is_paused,
                "done": run.done,
                "total": run.total,
            }
            for run in standing.runs
        ],
        "actions": [
            {"action": action.id, "kind": action.kind, "done": action.done, "total": action.total}
            for action in standing.actions
        ],
        "broker": crew.is_reachable,
        "workers": len(crew.workers),
        "schedulers": len(crew.schedulers),
    }


def _lines(standing: _Standing) -> list[str]:
    states, automatic = standing.states, standing.automatic
    lines = [f"{counted(sum(states.values()), 'file')} in {standing.web_id}"]
    lines += [f"  {state.replace('_', ' '):<12} {states[state]:>9,}" for state in TaggingState]
    lines.append(f"{counted(automatic.tags, 'automatic tag')} on {counted(automatic.documents, 'file')}")
    for run in standing.runs:
        paused = ", paused" if run.is_paused else ""
        lines.append(f"Run {run.id}, {run.covers}: {run.done:,} of {run.total:,}{paused}")
    for action in standing.actions:
        kind = action.kind.replace("_", " ")
        lines.append(f"Action {action.id}, {kind}: {action.done:,} of {action.total:,}")
    return [*lines, _crew_line(standing.crew)]


def _crew_line(crew: Crew) -> str:
    if not crew.is_reachable:
        return "The broker does not answer, so it cannot be told who works"
    return f"{counted(len(crew.workers), 'worker')} and {counted(len(crew.schedulers), 'scheduler')} at work"
