"""Signing in and out."""

from flask import Blueprint

blueprint = Blueprint("auth", __name__)

from autotag.blueprints.auth import views  # noqa: E402, F401 - the views register themselves on the blueprint
