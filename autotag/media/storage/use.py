"""What the files of an instance take up: documents, older versions, and what lies in the recycle bin.

Sizes are those of the files as people see them. The same content is kept once, whoever uploaded it, so that the disk
may hold less. An `instance_id` of None means all instances; the caller crosses the wall for that, on purpose.
"""

from dataclasses import dataclass, replace

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from autotag.models import Document, DocumentVersion


@dataclass(frozen=True, slots=True)
class StorageUse:
    """Files and bytes. Older versions count for documents in the recycle bin as well."""

    documents: int = 0
    document_bytes: int = 0
    in_bin: int = 0
    in_bin_bytes: int = 0
    older_versions: int = 0
    older_version_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.document_bytes + self.in_bin_bytes + self.older_version_bytes


@dataclass(frozen=True, slots=True)
class StorageReport:
    """What is kept in all that was asked for, and of each instance its documents without older versions."""

    total: StorageUse
    by_instance: dict[int, StorageUse]


def storage_use(session: Session, instance_id: int | None) -> StorageReport:
    """Count what an instance, or all of them, keeps. Reads an index entry of each document and each version."""
    by_instance = _documents(session, instance_id)
    documents = StorageUse(
        documents=sum(use.documents for use in by_instance.values()),
        document_bytes=sum(use.document_bytes for use in by_instance.values()),
        in_bin=sum(use.in_bin for use in by_instance.values()),
        in_bin_bytes=sum(use.in_bin_bytes for use in by_instance.values()),
    )
    statement = select(func.count(), func.coalesce(func.sum(DocumentVersion.size), 0))
    if instance_id is not None:
        statement = statement.where(DocumentVersion.instance_id == instance_id)
    versions, version_bytes = session.execute(statement).one()
    # Each document's current version is among the versions.
    older = versions - documents.documents - documents.in_bin
    total = replace(
        documents,
        older_versions=max(0, older),
        older_version_bytes=max(0, int(version_bytes) - documents.total_bytes),
    )
    return StorageReport(total, by_instance)


def _documents(session: Session, instance_id: int | None) -> dict[int, StorageUse]:
    binned = Document.deleted_at.is_not(None)
    statement = select(
        Document.instance_id,
        func.count(),
        func.sum(Document.size),
        func.sum(case((binned, 1), else_=0)),
        func.sum(case((binned, Document.size), else_=0)),
    ).group_by(Document.instance_id)
    if instance_id is not None:
        statement = statement.where(Document.instance_id == instance_id)
    return {
        owner: StorageUse(
            documents=number - in_bin,
            document_bytes=int(size) - int(in_bin_bytes),
            in_bin=in_bin,
            in_bin_bytes=int(in_bin_bytes),
        )
        for owner, number, size, in_bin, in_bin_bytes in session.execute(statement)
    }
