"""Instance Settings: what one virtual instance does differently."""

from flask import Blueprint

blueprint = Blueprint("instance_settings", __name__, url_prefix="/control-panel/instance-settings")

from autotag.blueprints.instance_settings import views  # noqa: E402, F401 - the views register themselves
