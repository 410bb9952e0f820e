"""Runs in words: where one stands, how quickly it goes, how long it still takes."""

from flask import Blueprint

from autotag.blueprints.presentation import StateView, counted
from autotag.models import RunState, TaggingRun
from autotag.tagging.runs.lifecycle import Covered
from autotag.tagging.runs.progress import RunProgress

SECONDS_IN_A_MINUTE = 60
MINUTES_IN_AN_HOUR = 60

_STATES = {
    RunState.RUNNING: ("pending", "Under way"),
    RunState.PAUSED: ("quiet", "Paused"),
    RunState.CANCELLED: ("quiet", "Cancelled"),
    RunState.FINISHED: ("done", "Finished"),
    RunState.UNDONE: ("quiet", "Undone"),
}


def run_state(run: TaggingRun) -> StateView:
    """Say where a run stands."""
    if run.state is RunState.UNDONE and run.finished_at is None:
        return StateView("pending", "Being undone")
    return StateView(*_STATES[run.state])


def images_a_second(rate: float) -> str:
    """Say a rate: 4.2 images a second, or by the minute when it is slower than one a second."""
    if rate >= 10:
        return f"{rate:,.0f} images a second"
    if rate >= 1:
        return f"{rate:.1f} images a second"
    return f"{counted(max(1, round(rate * SECONDS_IN_A_MINUTE)), 'image')} a minute"


def time_left(seconds: float) -> str:
    """Say how long it still takes, no more exactly than anybody can know."""
    minutes = round(seconds / SECONDS_IN_A_MINUTE)
    if seconds < SECONDS_IN_A_MINUTE:
        return "less than a minute left"
    if minutes < MINUTES_IN_AN_HOUR:
        return f"about {counted(minutes, 'minute')} left"
    return f"about {counted(round(minutes / MINUTES_IN_AN_HOUR), 'hour')} left"


def covered_images(covered: Covered) -> str:
    """Say how many images a new run would cover, as far as they were counted."""
    if covered.is_least and not covered.images:
        return "not counted, there are many files"
    return f"{'at least ' if covered.is_least else ''}{counted(covered.images, 'image')}"


def run_announcement(progress: RunProgress) -> str:
    """Say how a run ended, for people who listen to the page."""
    counts = progress.counts
    if progress.run.state is RunState.UNDONE:
        return "The run is undone"
    text = f"{run_state(progress.run).text}: {counts.done} of {counts.total} done"
    return f"{text}, {counts.failed} failed" if counts.failed else text


def register(blueprint: Blueprint) -> None:
    """Make the words known to the templates."""
    for word in (run_state, images_a_second, time_left, run_announcement, covered_images):
        blueprint.add_app_template_filter(word)
