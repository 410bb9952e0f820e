"""Merging tags as the product does: the action is started, and its parts are done one after another."""

from collections.abc import Collection

from sqlalchemy.orm import Session

from autotag.models import BulkAction, BulkActionState, Tag
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk.actions import load_action, work_off
from autotag.tagging.bulk.merge import start_merge


def merge_tags(
    session: Session,
    instance_id: int,
    source_ids: Collection[int],
    target_id: int,
    *,
    actor: str,
    user_id: int | None,
) -> Tag:
    """Merge tags to the end, each part in a transaction of its own; return the tag that is left."""
    with unit_of_work(session) as work:
        action: BulkAction = start_merge(
            work, instance_id, source_ids, target_id, user_id=user_id, actor=actor
        )
        action_id, state = action.id, action.state
    while state is BulkActionState.RUNNING:
        with unit_of_work(session) as work:
            action = load_action(work.session, instance_id, action_id, for_change=True)
            work_off(work, action)
            state = action.state
    return session.get_one(Tag, target_id)
