"""The account page: one's own password and sessions."""

from flask import Blueprint

blueprint = Blueprint("account", __name__, url_prefix="/account")

from autotag.blueprints.account import second_factor, tokens, views  # noqa: E402, F401 - the views register themselves
