"""Tagging runs: starting them, following them, stopping them, taking them back."""

from flask import Blueprint

from autotag.blueprints.numbers import MAXIMUM_ID
from autotag.blueprints.runs import labels

blueprint = Blueprint("runs", __name__)
labels.register(blueprint)

ONE_RUN = f"/runs/<int(max={MAXIMUM_ID}):run_id>"

# The views register themselves on the blueprint, so it must be there first.
import autotag.blueprints.runs.actions  # noqa: E402 - the views register themselves on the blueprint
import autotag.blueprints.runs.start  # noqa: E402 - as above
import autotag.blueprints.runs.views  # noqa: E402, F401 - as above
