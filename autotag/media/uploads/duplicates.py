"""The same content twice: uploaded again by somebody, or sent again because an answer was lost."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.media.uploads.intake import ReceivedFile
from autotag.models import Document
from autotag.models.base import utc_now

SENT_AGAIN_WITHIN = timedelta(hours=1)


def same_content(session: Session, instance_id: int, document: Document) -> Document | None:
    """Return the oldest other document of the instance whose current version has the same bytes, or None."""
    return session.scalar(
        select(Document)
        .where(
            Document.instance_id == instance_id,
            Document.sha256 == document.sha256,
            Document.id != document.id,
            Document.deleted_at.is_(None),
        )
        .order_by(Document.id)
        .limit(1)
    )


def find_content(session: Session, instance_id: int, sha256: str) -> int | None:
    """Return the oldest document of the instance, outside the recycle bin, whose current version has these bytes."""
    return session.scalar(
        select(Document.id)
        .where(Document.instance_id == instance_id, Document.sha256 == sha256, Document.deleted_at.is_(None))
        .order_by(Document.id)
        .limit(1)
    )


def sent_before(
    session: Session,
    instance_id: int,
    received: ReceivedFile,
    *,
    owner_id: int | None,
    folder_id: int | None,
) -> Document | None:
    """Return the document that an earlier attempt at this upload has made, or None.

    It has the same bytes, name, owner and folder, and is not older than a browser goes on trying.
    """
    return session.scalar(
        select(Document)
        .where(
            Document.instance_id == instance_id,
            Document.sha256 == received.sha256,
            Document.file_name == received.file_name,
            Document.owner_id == owner_id,
            Document.folder_id == folder_id,
            Document.deleted_at.is_(None),
            Document.created_at > utc_now() - SENT_AGAIN_WITHIN,
        )
        .order_by(Document.id.desc())
        .limit(1)
    )
