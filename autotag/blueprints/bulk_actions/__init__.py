"""Actions over many documents: how far one has come, to cancel and to undo it."""

from flask import Blueprint

blueprint = Blueprint("bulk_actions", __name__, url_prefix="/bulk-actions")

from autotag.blueprints.bulk_actions import views  # noqa: E402, F401 - the views register themselves
