"""System Settings: what holds for the installation, and the defaults of all instances."""

from flask import Blueprint

blueprint = Blueprint("system_settings", __name__, url_prefix="/control-panel/system-settings")

from autotag.blueprints.system_settings import models, views  # noqa: E402, F401 - the views register themselves
