"""The page, and its parts alone for as long as something moves."""

from typing import Any

from flask import render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.operations import blueprint
from autotag.blueprints.operations.scope import Viewed, session_for, viewed_instance
from autotag.blueprints.services import services
from autotag.models import Role
from autotag.operations.page import Operations

SECTIONS = (
    "summary",
    "notices",
    "instances",
    "trouble",
    "waiting",
    "unfinished",
    "throughput",
    "crew",
    "process",
    "providers",
    "storage",
)
"""The parts of the page, each a template of its own."""


@blueprint.get("")
@requires(Role.ADMINISTRATOR)
def index() -> ResponseReturnValue:
    """Show what is going on."""
    viewed = viewed_instance()
    operations = look(viewed)
    return render_template("operations/index.html", **facts(viewed, operations))


@blueprint.get("/state")
@requires(Role.ADMINISTRATOR)
def state() -> ResponseReturnValue:
    """Answer how each part of the page looks now, and whether it is worth while to ask again soon."""
    viewed = viewed_instance()
    operations = look(viewed)
    shown = facts(viewed, operations)
    return {
        "sections": {name: render_template(f"operations/_{name}.html", **shown) for name in SECTIONS},
        "pending": operations.is_moving,
    }


def look(viewed: Viewed) -> Operations:
    """Gather what goes on in what is viewed."""
    with session_for(viewed) as session:
        return services().operations.look(session, viewed.instance_id)


def facts(viewed: Viewed, operations: Operations) -> dict[str, Any]:
    """Return what the templates are made from."""
    return {
        "viewed": viewed,
        "operations": operations,
        "free_bytes": free_bytes() if current_user.may(Role.SYSTEM_ADMINISTRATOR) else None,
    }


def free_bytes() -> int | None:
    """Return how much room the storage has left; None when that cannot be told."""
    try:
        return services().storage.free_bytes()
    except OSError:
        return None
