"""What trying a connection brought, on its way to the one page that shows it: kept in the session's cookie."""

from flask import g, session

from autotag.tagging.provider_health.connection_test import Trial

_KEY = "connection_trial"


def keep_trial(blueprint: str, entry_key: str, trial: Trial) -> None:
    """Keep what came of a trial for the next page of its entry."""
    labels = [[name, round(confidence, 4)] for name, confidence in trial.labels]
    session[_KEY] = [_place(blueprint, entry_key), labels, trial.reason]


def take_trial(blueprint: str, entry_key: str) -> Trial | None:
    """Return what came of a trial and forget it, None when there was none on this entry's page."""
    kept = session.pop(_KEY, None)
    if not kept or kept[0] != _place(blueprint, entry_key):
        return None
    return Trial(tuple((name, confidence) for name, confidence in kept[1]), kept[2])


def _place(blueprint: str, entry_key: str) -> str:
    return f"{blueprint}/{entry_key}/{g.instance.id}"
