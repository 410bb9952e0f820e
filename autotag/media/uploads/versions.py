"""Versions of a document's file: a new one from an upload, an old one brought back, and their list.

The file of a version never changes. A version that is brought back becomes a new one with the old content, so that
the list only grows and says what happened.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.media.errors import DocumentNotFound, UploadRefused
from autotag.media.library import search
from autotag.media.library.library import load_document
from autotag.media.uploads.intake import ReceivedFile
from autotag.media.uploads.quota import quota_of, take_room
from autotag.models import Document, DocumentVersion, User
from autotag.models.base import utc_now
from autotag.models.unit_of_work import UnitOfWork

LISTED_AT_MOST = 100


class VersionNotFound(DocumentNotFound):
    """The document has no version of this number."""


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """A version with the address of whoever uploaded it, "" when that person is gone."""

    version: DocumentVersion
    uploaded_by: str


def add_version(
    work: UnitOfWork, received: ReceivedFile, *, instance_id: int, document_id: int, user_id: int | None
) -> Document:
    """Make a received file the current version of a document; title, description, folder and tags stay.

    What was told from the old content is forgotten: dimensions, pictures, EXIF, processes that died on it. Whoever
    calls this also calls autotag.tagging for what follows. Raises DocumentNotFound, and UploadRefused with code
    `same_content` when it is the content that the document has already, or `quota_exceeded`; then nothing is changed.
    """
    document = load_document(work.session, instance_id, document_id, for_change=True)
    if received.sha256 == document.sha256:
        raise UploadRefused(
            "same_content",
            "The file has the same content as the current version. Nothing was changed.",
        )
    _put_in_force(work, document, received, user_id)
    return document


def restore_version(
    work: UnitOfWork, number: int, *, instance_id: int, document_id: int, user_id: int | None
) -> Document:
    """Make the content of an old version the current one, as a new version. Raises as `add_version` does."""
    document = load_document(work.session, instance_id, document_id, for_change=True)
    old = load_version(work.session, instance_id, document_id, number)
    if old.sha256 == document.sha256:
        raise UploadRefused(
            "same_content",
            f"Version {number} has the same content as the current version. Nothing was changed.",
        )
    quota = quota_of(work.session, instance_id)
    restored = ReceivedFile(old.file_name, old.sha256, old.size, old.mime_type, quota)
    _put_in_force(work, document, restored, user_id)
    return document


def load_version(session: Session, instance_id: int, document_id: int, number: int) -> DocumentVersion:
    """Return one version of a document that is not in the recycle bin. Raises VersionNotFound."""
    version = session.scalar(
        select(DocumentVersion)
        .join(Document, Document.id == DocumentVersion.document_id)
        .where(
            DocumentVersion.instance_id == instance_id,
            DocumentVersion.document_id == document_id,
            DocumentVersion.number == number,
            Document.deleted_at.is_(None),
        )
    )
    if version is None:
        raise VersionNotFound(document_id)
    return version


def list_versions(session: Session, instance_id: int, document_id: int) -> list[ListedVersion]:
    """Return the versions of a document, the newest first, LISTED_AT_MOST of them."""
    rows = session.execute(
        select(DocumentVersion, User.email)
        .outerjoin(User, User.id == DocumentVersion.created_by_id)
        .where(DocumentVersion.instance_id == instance_id, DocumentVersion.document_id == document_id)
        .order_by(DocumentVersion.number.desc())
        .limit(LISTED_AT_MOST)
    )
    return [ListedVersion(version, email or "") for version, email in rows]


def _put_in_force(work: UnitOfWork, document: Document, file: ReceivedFile, user_id: int | None) -> None:
    take_room(work, document.instance_id, file.size, file.quota)
    document.version_number += 1
    document.file_name, document.sha256 = file.file_name, file.sha256
    document.mime_type, document.size = file.mime_type, file.size
    document.width = document.height = document.exif = None
    document.placeholder = ""
    document.tagging_attempts = document.tagging_crashes = document.tagging_worker_deaths = 0
    document.updated_at = utc_now()
    work.session.add(
        DocumentVersion(
            instance_id=document.instance_id,
            document_id=document.id,
            number=document.version_number,
            file_name=file.file_name,
            sha256=file.sha256,
            mime_type=file.mime_type,
            size=file.size,
            created_by_id=user_id,
        )
    )
    work.session.flush()
    search.refresh(work.session, [document.id])
