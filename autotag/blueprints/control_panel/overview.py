"""The overview of the Control Panel: a card for each page that the person may use."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from autotag.blueprints.access import requires
from autotag.blueprints.navigation import control_panel_cards
from autotag.models import Role

blueprint = Blueprint("control_panel", __name__, url_prefix="/control-panel")


@blueprint.get("")
@requires(Role.ADMINISTRATOR)
def index() -> ResponseReturnValue:
    """Show the cards."""
    return render_template("control_panel/index.html", sections=control_panel_cards())
