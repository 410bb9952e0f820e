"""Bulk actions: followed, cancelled and undone, whether a program or a person has started them."""

from flask import g
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.api import blueprint
from autotag.blueprints.api.bulk_action_schemas import (
    ACTION_HEADERS,
    BulkActionSchema,
    bulk_action_answer,
    started,
)
from autotag.blueprints.api.calls import Answer
from autotag.extensions import db
from autotag.models import Role
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk.actions import cancel_action, load_action
from autotag.tagging.bulk.undo import undo_action

TAG = "Bulk actions"
ONE_ACTION = "/bulk-actions/<int:action_id>"


@blueprint.call(
    "GET",
    ONE_ACTION,
    Role.EDITOR,
    Answer(200, BulkActionSchema),
    tag=TAG,
    problems=["bulk_action_not_found"],
)
def show_bulk_action(action_id: int) -> dict[str, object]:
    """Show how far a bulk action is, and at the end its result

    It is kept for 30 days after its end.
    """
    return bulk_action_answer(load_action(db.session(), g.instance.id, action_id))


@blueprint.call(
    "POST",
    f"{ONE_ACTION}/cancel",
    Role.EDITOR,
    Answer(200, BulkActionSchema),
    tag=TAG,
    problems=["bulk_action_not_found"],
)
def cancel_bulk_action(action_id: int) -> dict[str, object]:
    """Stop a bulk action

    What is done stays done. One that is over stays as it is.
    """
    with unit_of_work(db.session()) as work:
        action = cancel_action(work, g.instance.id, action_id)
    return bulk_action_answer(action)


@blueprint.call(
    "POST",
    f"{ONE_ACTION}/undo",
    Role.EDITOR,
    Answer(202, BulkActionSchema, headers=ACTION_HEADERS),
    tag=TAG,
    problems=["bulk_action_not_found", "cannot_undo"],
)
def undo_bulk_action(action_id: int) -> ResponseReturnValue:
    """Undo a bulk action

    Answers with the bulk action that does it. `can_undo` says beforehand whether it is possible.
    """
    with unit_of_work(db.session()) as work:
        back = undo_action(work, g.instance.id, action_id, user_id=current_user.user.id)
    return started(back)
