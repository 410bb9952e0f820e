"""The way in: bytes become a stored file, then a document that waits to be tagged."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import structlog
from sqlalchemy.orm import Session

from autotag.media.errors import UploadRefused
from autotag.media.library.search import refresh
from autotag.media.sniffing import SNIFFED_BYTES, sniff
from autotag.media.storage.garbage import want
from autotag.media.storage.storage import Storage, not_stored, original_key
from autotag.media.uploads.quota import NO_QUOTA, Quota, Room, take_room
from autotag.models import Document, DocumentVersion, TaggingState
from autotag.models.base import utc_now
from autotag.models.names import normalize
from autotag.models.unit_of_work import UnitOfWork

logger = structlog.stdlib.get_logger(__name__)

CHUNK_BYTES = 1 << 20
NAME_LENGTH = 255


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What an upload may be. `maximum_bytes` is the largest size of one file, 0 for no limit.

    `room` refuses what the quota will not take before it is kept, lest refused files fill the disk; `accept` has the
    last word on the `quota`.
    """

    maximum_bytes: int = 0
    allowed_extensions: frozenset[str] = frozenset()
    quota: Quota = NO_QUOTA
    room: Room | None = None


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file whose bytes are safe on disk, but which no document names yet, and the quota under which it was taken."""

    file_name: str
    sha256: str
    size: int
    mime_type: str
    quota: Quota = NO_QUOTA


@contextmanager
def receive(
    stream: BinaryIO, file_name: str, *, session: Session, storage: Storage, limits: UploadLimits
) -> Iterator[ReceivedFile]:
    """Stream an upload to disk, checking limits on the way, and keep it under its content hash.

    Raises UploadRefused with code `empty_file`, `file_too_large`, `extension_not_allowed` or `quota_exceeded`, and
    StorageError when the disk or the object store refuses; then nothing is left behind. The session's transaction is
    ended. The file that is kept stays when the block fails: it may be another document's content as well, and what no
    document names is found and swept (`strays`).
    """
    name = clean_file_name(file_name)
    _check_extension(name, limits)
    path = storage.incoming()
    try:
        try:
            sha256, size, head = _write(stream, path, limits.maximum_bytes)
        except OSError as error:
            raise not_stored(error) from error
        if not size:
            raise UploadRefused("empty_file", "The file is empty.")
        if limits.room is not None:
            limits.room.check_content(session, sha256, size)
        want(session, sha256)
        storage.keep(path, original_key(sha256))
        yield ReceivedFile(name, sha256, size, sniff(head), limits.quota)
    finally:
        # Not where nothing can be written: the error that led here says more.
        with suppress(OSError):
            path.unlink(missing_ok=True)


def accept(
    work: UnitOfWork,
    received: ReceivedFile,
    *,
    instance_id: int,
    owner_id: int | None,
    folder_id: int | None = None,
    title: str | None = None,
) -> Document:
    """Write the document for a received file, queued for tagging. The caller's transaction commits it.

    Raises UploadRefused with code `quota_exceeded`.
    """
    take_room(work, instance_id, received.size, received.quota)
    document = Document(
        instance_id=instance_id,
        owner_id=owner_id,
        folder_id=folder_id,
        title=(title or PurePosixPath(received.file_name).stem or received.file_name)[:NAME_LENGTH],
        file_name=received.file_name,
        sha256=received.sha256,
        size=received.size,
        mime_type=received.mime_type,
        tagging_state=TaggingState.QUEUED,
        tagging_enqueued_at=utc_now(),
    )
    work.session.add(document)
    work.session.flush()
    work.session.add(
        DocumentVersion(
            instance_id=instance_id,
            document_id=document.id,
            number=1,
            file_name=received.file_name,
            sha256=received.sha256,
            size=received.size,
            mime_type=received.mime_type,
            created_by_id=owner_id,
        )
    )
    work.session.flush()
    refresh(work.session, [document.id])
    document_id = document.id
    work.after_commit(
        lambda: logger.info("document stored", instance_id=instance_id, document_id=document_id)
    )
    return document


def clean_file_name(name: str) -> str:
    """Return a name that can be shown and offered for download: no folders, no control characters, not too long.

    The end of a long name is kept, because it holds the extension. Never used as a path.
    """
    name = normalize(name).replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(
        " " if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") else character
        for character in name
    )
    name = re.sub(r"\s+", " ", name).strip(" .") or "unnamed"
    if len(name) <= NAME_LENGTH:
        return name
    suffix = PurePosixPath(name).suffix[:16]
    return name[: NAME_LENGTH - len(suffix)] + suffix


def _check_extension(name: str, limits: UploadLimits) -> None:
    extension = PurePosixPath(name).suffix.lower().removeprefix(".")
    if limits.allowed_extensions and extension not in limits.allowed_extensions:
        allowed = ", ".join(sorted(limits.allowed_extensions))
        files = f"Files of the type .{extension}" if extension else "Files without an extension"
        raise UploadRefused("extension_not_allowed", f"{files} are not allowed here; allowed: {allowed}.")


def _write(stream: BinaryIO, path: Path, maximum_bytes: int) -> tuple[str, int, bytes]:
    digest = hashlib.sha256()
    size = 0
    head = b""
    with path.open("xb") as target:
        while chunk := stream.read(CHUNK_BYTES):
            size += len(chunk)
            if maximum_bytes and size > maximum_bytes:
                limit = maximum_bytes / 1_000_000
                raise UploadRefused(
                    "file_too_large", f"The file is larger than {limit:g} MB, the most allowed here."
                )
            if len(head) < SNIFFED_BYTES:
                head += chunk[: SNIFFED_BYTES - len(head)]
            digest.update(chunk)
            target.write(chunk)
    return digest.hexdigest(), size, head
