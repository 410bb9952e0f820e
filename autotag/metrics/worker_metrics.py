"""What workers and the scheduler count, under the names and labels of the metrics."""

from collections.abc import Mapping

from autotag.metrics import counters

IMAGES = "images"
STAGES = "stages"
PROVIDER_CALLS = "provider_calls"
PROVIDER_SECONDS = "provider_seconds"
PROVIDER_ERRORS = "provider_errors"
RELAUNCHES = "process_relaunches"
STEP_FAILURES = "step_failures"

WHOLE = "whole"
"""The stage that has all others in it: from the claim's turn to the outcome."""


def note_outcome(instance_id: int, state: str, seconds: float) -> None:
    """Count a document that came to the end of an attempt after so many seconds."""
    counters.work.add(IMAGES, str(instance_id), state)
    counters.work.observe(STAGES, seconds, WHOLE)


def note_stages(seconds: Mapping[str, float]) -> None:
    """Count how long the inference process was at each stage."""
    for stage, taken in seconds.items():
        counters.work.observe(STAGES, taken, stage)


def note_call(instance_id: int, provider: str, seconds: float) -> None:
    """Count a question to a provider and how long its answer took, an error or not."""
    counters.work.add(PROVIDER_CALLS, str(instance_id), provider)
    counters.work.observe(PROVIDER_SECONDS, seconds, provider)


def note_error(instance_id: int, provider: str, code: str) -> None:
    """Count a question that a provider gave no answer to."""
    counters.work.add(PROVIDER_ERRORS, str(instance_id), provider, code)


def note_failed_step(step: str) -> None:
    """Count a step of the scheduler that raised."""
    counters.work.add(STEP_FAILURES, step)


def note_relaunch() -> None:
    """Count a TensorFlow process that died and is started again."""
    counters.work.add(RELAUNCHES)
