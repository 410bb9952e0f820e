"""The recycle bin: what is in it, to restore it or to delete it for good."""

from flask import Blueprint

blueprint = Blueprint("recycle_bin", __name__, url_prefix="/recycle-bin")

from autotag.blueprints.recycle_bin import views  # noqa: E402, F401 - the views register themselves
