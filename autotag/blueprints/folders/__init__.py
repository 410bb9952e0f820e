"""Folders of Documents and Media: making, renaming, moving and deleting them."""

from flask import Blueprint

from autotag.blueprints.numbers import MAXIMUM_ID

blueprint = Blueprint("folders", __name__, url_prefix="/folders")

ONE_FOLDER = f"/<int(max={MAXIMUM_ID}):folder_id>"

# The views register themselves on the blueprint, so it must be there first.
import autotag.blueprints.folders.views  # noqa: E402, F401 - the views register themselves on the blueprint
