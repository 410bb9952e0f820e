"""How an instance's documents stand: how many in each state."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from autotag.models import Document, TaggingState


def count_states(session: Session, instance_id: int) -> dict[TaggingState, int]:
    """Return how many documents outside the recycle bin are in each state, also in those that none is in."""
    found = session.execute(
        select(Document.tagging_state, func.count())
        .where(Document.instance_id == instance_id, Document.deleted_at.is_(None))
        .group_by(Document.tagging_state)
    )
    return dict.fromkeys(TaggingState, 0) | dict(found.all())


def still_open(session: Session, instance_id: int, first_id: int, last_id: int) -> set[int]:
    """Return which documents from one id to another are on their way to tags."""
    return set(
        session.scalars(
            select(Document.id).where(
                Document.tagging_state.in_((TaggingState.QUEUED, TaggingState.RUNNING)),
                Document.id.between(first_id, last_id),
                Document.instance_id == instance_id,
                Document.deleted_at.is_(None),
            )
        )
    )
