"""What those who run the installation ask for: is it alive, is it ready."""

from flask import Blueprint

blueprint = Blueprint("operations", __name__)

from autotag.blueprints.operations import views  # noqa: E402, F401 - the views register themselves
