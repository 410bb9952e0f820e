"""The account page: one's own password and sessions."""

from flask import Blueprint

blueprint = Blueprint("account", __name__, url_prefix="/account")

from autotag.blueprints.account import tokens, views  # noqa: E402, F401 - the views register themselves
