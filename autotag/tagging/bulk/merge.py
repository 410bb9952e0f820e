"""Merging tags as an action: at once when few documents have them, else in the background."""

from collections.abc import Collection

from autotag.models import BulkAction, BulkActionState
from autotag.models.base import utc_now
from autotag.models.unit_of_work import UnitOfWork
from autotag.tagging.bulk.actions import BulkKind, add, work_off
from autotag.tagging.tags.merge import PART, count_documents, tags_to_merge


def start_merge(
    work: UnitOfWork,
    instance_id: int,
    source_ids: Collection[int],
    target_id: int,
    *,
    user_id: int | None,
    actor: str,
) -> BulkAction:
    """Merge tags into one; return the action, which may be under way still.

    Raises TaggingRefused with code `nothing_to_merge`, and TagNotFound when the one to keep is gone.
    """
    session = work.session
    target, sources = tags_to_merge(session, instance_id, source_ids, target_id)
    action = BulkAction(
        instance_id=instance_id,
        kind=BulkKind.MERGE_TAGS,
        selection={"tags": sorted(tag.id for tag in sources), "into": target.id},
        parameters={"names": sorted(tag.name for tag in sources), "name": target.name, "actor": actor},
        created_by_id=user_id,
        created_at=utc_now(),
    )
    add(session, action, count_documents(session, [tag.id for tag in sources]))
    if action.total < PART:
        while action.state == BulkActionState.RUNNING:
            work_off(work, action)
    return action
