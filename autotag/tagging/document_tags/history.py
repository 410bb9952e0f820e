"""What was tried with a document: its attempts, the newest first."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.models import TaggingAttempt

LISTED_AT_MOST = 50


def attempts_of(session: Session, instance_id: int, document_id: int) -> list[TaggingAttempt]:
    """Return the latest attempts at a document, LISTED_AT_MOST of them."""
    return list(
        session.scalars(
            select(TaggingAttempt)
            .where(TaggingAttempt.instance_id == instance_id, TaggingAttempt.document_id == document_id)
            .order_by(TaggingAttempt.id.desc())
            .limit(LISTED_AT_MOST)
        )
    )
