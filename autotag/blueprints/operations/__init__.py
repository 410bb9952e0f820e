"""The operations page: what waits, what failed and why, who does the work, and how quickly."""

from flask import Blueprint

blueprint = Blueprint("operations", __name__, url_prefix="/control-panel/operations")

from autotag.blueprints.operations import actions, labels, plots, views  # noqa: E402, F401 - they register themselves
