"""What those who run the installation ask for: is it alive, is it ready."""

from flask import Blueprint

blueprint = Blueprint("health", __name__)

from autotag.blueprints.health import views  # noqa: E402, F401 - the views register themselves
