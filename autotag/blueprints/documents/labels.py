"""How the page of one document says things: filters and functions for its templates."""

import math

from flask import Flask

from autotag.blueprints.presentation import NO_BREAK_SPACE
from autotag.models import Document, TaggingState
from autotag.tagging.document_tags.explanation import JudgedPrediction
from autotag.tagging.policy import Verdict
from autotag.tagging.runs.retry import HOPELESS

_STATES = {
    TaggingState.QUEUED: "Waiting",
    TaggingState.RUNNING: "Under way",
    TaggingState.TAGGED: "Tagged",
    TaggingState.NO_TAGS: "No tags",
    TaggingState.SKIPPED: "Skipped",
    TaggingState.FAILED: "Failed",
    TaggingState.QUARANTINED: "Set aside",
}

_DECISIONS = {
    Verdict.ACCEPTED: "Not on the document now; tagging again would add it",
    Verdict.BELOW_THRESHOLD: "Below the threshold",
    Verdict.UNUSABLE_NAME: "Cannot be the name of a tag",
    Verdict.ALREADY_THERE: "Already there: a person added it",
    Verdict.REMOVED_BY_PERSON: "Removed by a person",
    Verdict.DUPLICATE: "The same name has a higher confidence",
    Verdict.OVER_MAXIMUM: "Over the maximum number of tags",
}

_DECISIONS_ON_THE_DOCUMENT = {
    Verdict.ACCEPTED: "Accepted",
    Verdict.BELOW_THRESHOLD: "Accepted under a lower threshold than the one in force",
    Verdict.ALREADY_THERE: "Accepted, and kept by a person",
    Verdict.OVER_MAXIMUM: "Accepted under a higher maximum than the one in force",
}


def state_word(state: TaggingState) -> str:
    """Name a tagging state in a word or two."""
    return _STATES[state]


def decision_text(prediction: JudgedPrediction) -> str:
    """Say what was decided on a prediction, and for which reason."""
    if prediction.verdict is None:
        if prediction.on_document:
            return "Accepted"
        return "Removed by a person" if prediction.removed else "Not used now"
    if prediction.on_document and prediction.verdict in _DECISIONS_ON_THE_DOCUMENT:
        return _DECISIONS_ON_THE_DOCUMENT[prediction.verdict]
    return _DECISIONS[prediction.verdict]


def is_accepted(prediction: JudgedPrediction) -> bool:
    """Whether a prediction is a tag of the document."""
    return prediction.on_document and prediction.verdict is not Verdict.DUPLICATE


def precise_percent(share: float) -> str:
    """Say a share of 1 in per cent with one decimal, never as more than it is: 9.9 % is below 10 %."""
    tenths = math.floor(round(share * 1000, 6))
    if share and not tenths:
        return f"under 0.1{NO_BREAK_SPACE}%"
    return f"{tenths / 10:.1f}".removesuffix(".0") + f"{NO_BREAK_SPACE}%"


def seconds_text(seconds: float) -> str:
    """Say how long something took."""
    if seconds < 0.01:
        return f"under 0.01{NO_BREAK_SPACE}s"
    return f"{seconds:.2f}{NO_BREAK_SPACE}s" if seconds < 10 else f"{seconds:.0f}{NO_BREAK_SPACE}s"


def may_succeed(document: Document) -> bool:
    """Whether trying a failed document again can end otherwise: not when it lies in the file itself."""
    return document.tagging_reason_code not in HOPELESS


def register(app: Flask) -> None:
    """Make the words of this module known to the app's templates."""
    app.jinja_env.filters.update(
        decision_text=decision_text,
        is_accepted=is_accepted,
        may_succeed=may_succeed,
        precise_percent=precise_percent,
        seconds_text=seconds_text,
        state_word=state_word,
    )
