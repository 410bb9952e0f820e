"""The audit trail as a page."""

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.numbers import read_number
from autotag.extensions import db
from autotag.instances.audit import AuditKind, list_events
from autotag.models import Role

EVENTS_ON_A_PAGE = 50
KINDS = {AuditKind.CHANGES: "Changes", AuditKind.SIGN_INS: "Sign-ins", AuditKind.ALL: "All"}

blueprint = Blueprint("audit", __name__, url_prefix="/control-panel/audit")


_WORDS = {"true": "on", "false": "off", "": "empty", "None": "empty"}


@blueprint.app_template_filter()
def change_text(value: object) -> str:
    """Say a value before or after a change."""
    return _WORDS.get(str(value), str(value))


@blueprint.get("")
@requires(Role.ADMINISTRATOR)
def index() -> ResponseReturnValue:
    """Show who changed what or who signed in, newest first, a page at a time."""
    kind = shown_kind(request.args.get("kind", ""))
    before = read_number(request.args.get("before", ""))
    found = list_events(
        db.session(),
        g.instance.id,
        include_installation=current_user.may(Role.SYSTEM_ADMINISTRATOR),
        before_id=before,
        kind=kind,
        limit=EVENTS_ON_A_PAGE + 1,
    )
    events = found[:EVENTS_ON_A_PAGE]
    older = events[-1].id if len(found) > EVENTS_ON_A_PAGE else None
    return render_template(
        "audit/index.html", events=events, before=before, older=older, kind=kind, kinds=KINDS
    )


def shown_kind(text: str) -> AuditKind:
    """Read which part of the trail is asked for; what is no part means the changes."""
    return AuditKind(text) if text in set(AuditKind) else AuditKind.CHANGES
