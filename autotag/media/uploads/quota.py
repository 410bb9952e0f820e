"""How much a virtual instance may hold: so many files, so many bytes; 0 of either means no limit.

Every version of a document counts as a file, and so does what lies in the recycle bin: all of it can be had back. The
same content counts each time, though it is kept once: what an instance may hold does not depend on what others have.
"""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from autotag.configuration.effective import effective_maximum
from autotag.configuration.entries import UPLOADS, UPLOADS_SYSTEM
from autotag.configuration.store import Place, resolve
from autotag.instances.directory import hold_instance
from autotag.media.errors import UploadRefused
from autotag.models import DocumentVersion
from autotag.models.unit_of_work import UnitOfWork

BYTES_IN_A_MEGABYTE = 1_000_000
EXCEEDED = "quota_exceeded"


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that an instance may hold; 0 means no limit."""

    files: int = 0
    bytes: int = 0

    def check(self, files: int, used_bytes: int, size: int) -> None:
        """Raise UploadRefused with code `quota_exceeded` when one more file of `size` bytes is too many or too much."""
        if self.files and files >= self.files:
            raise UploadRefused(
                EXCEEDED,
                f"This virtual instance holds as many files as it may: {self.files:,}. "
                "Delete files for good to upload others.",
            )
        if self.bytes and used_bytes + size > self.bytes:
            left = max(0, self.bytes - used_bytes) / BYTES_IN_A_MEGABYTE
            raise UploadRefused(
                EXCEEDED,
                f"The file does not fit: {left:,.1f} MB of the {self.bytes / BYTES_IN_A_MEGABYTE:,g} MB that this "
                "virtual instance may hold are left. Delete files for good to make room.",
            )


NO_QUOTA = Quota()


@dataclass(frozen=True, slots=True)
class Room:
    """What an instance may hold, and what it held a moment ago."""

    instance_id: int
    quota: Quota
    files: int
    used_bytes: int

    def check_content(self, session: Session, sha256: str, size: int) -> None:
        """Raise UploadRefused when a new file of `size` bytes would not have found room at that moment.

        A content that the instance holds already passes: it may be the same upload sent again. Whether another
        instance holds it must not matter, so this asks the database and not the storage. Ends the transaction.
        """
        held = session.scalar(
            select(DocumentVersion.id)
            .where(DocumentVersion.instance_id == self.instance_id, DocumentVersion.sha256 == sha256)
            .limit(1)
        )
        session.rollback()
        if held is None:
            self.quota.check(self.files, self.used_bytes, size)


def quota_of(session: Session, instance_id: int) -> Quota:
    """Return what an instance may hold: its own limits and the installation's, whichever is less."""
    system = resolve(session, Place.of(UPLOADS_SYSTEM)).values
    own = resolve(session, Place.of(UPLOADS, instance_id)).values
    files, megabytes = (
        effective_maximum(system[name], own[name]) for name in ("maximum_number_of_files", "maximum_storage")
    )
    return Quota(files, megabytes * BYTES_IN_A_MEGABYTE)


def room_of(session: Session, instance_id: int, quota: Quota) -> Room | None:
    """Return what an instance may hold and holds; None, without counting, where it may hold anything."""
    if quota == NO_QUOTA:
        return None
    return Room(instance_id, quota, *_held(session, instance_id))


def take_room(work: UnitOfWork, instance_id: int, size: int, quota: Quota) -> None:
    """Make sure that a file of `size` bytes may be added in this transaction: of two at once, one waits for the other.

    Raises UploadRefused with code `quota_exceeded`.
    """
    if quota == NO_QUOTA:
        return
    hold_instance(work.session, instance_id)
    quota.check(*_held(work.session, instance_id), size)


def _held(session: Session, instance_id: int) -> tuple[int, int]:
    """Return how many files an instance holds, and their bytes. Reads an index entry of each of its versions."""
    files, used_bytes = session.execute(
        select(func.count(), func.coalesce(func.sum(DocumentVersion.size), 0)).where(
            DocumentVersion.instance_id == instance_id
        )
    ).one()
    return files, int(used_bytes)
