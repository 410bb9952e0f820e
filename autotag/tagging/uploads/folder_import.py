"""Importing a folder of files: what the upload page does with a file, for each file of a folder on this machine.

Safe to stop anywhere and to repeat: a file whose bytes a document has already is left alone.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.errors import FolderRefused, MediaError, StorageError
from autotag.media.folders.folders import MAXIMUM_DEPTH, clean_folder_name
from autotag.media.library.folder_paths import SEPARATOR, ensure_folder
from autotag.media.storage.storage import Storage
from autotag.media.uploads.duplicates import find_content
from autotag.media.uploads.intake import UploadLimits, accept, receive
from autotag.models import VirtualInstance
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.tagging.document_tags.assign import add_tags


class ImportOutcome(StrEnum):
    """What became of a file."""

    IMPORTED = "imported"
    ALREADY_THERE = "already_there"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A file with what became of it. `document_id` is the new document, or the one that has these bytes already;
    `reason` says why a file was refused, `code` the same for programs."""

    path: Path
    outcome: ImportOutcome
    document_id: int | None = None
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ImportWishes:
    """Where files go: the instance, whose they are, a folder by its path, tags for all of them.

    With `keeps_folders`, folders of the disk become folders below that one.
    """

    instance_id: int
    owner_id: int | None = None
    into: str = ""
    keeps_folders: bool = False
    tags: tuple[str, ...] = ()


class FolderImport:
    """Takes files of one folder on this machine into one instance."""

    def __init__(
        self,
        root: Path,
        wishes: ImportWishes,
        *,
        sessions: sessionmaker[Session],
        storage: Storage,
        limits: UploadLimits,
    ) -> None:
        self._root = root
        self._wishes = wishes
        self._sessions = sessions
        self._storage = storage
        self._limits = limits

    def take(self, path: Path) -> ImportedFile:
        """Take one file. One that cannot be taken is answered as refused; the others are not concerned.

        Raises StorageError when the disk takes nothing more, which concerns all of them.
        """
        try:
            if not path.is_file():
                return ImportedFile(
                    path, ImportOutcome.REFUSED, code="not_a_file", reason="It is no ordinary file."
                )
            # Read twice if it is new, which is cheap; written not at all if it is there, which would not be.
            known = self._find(_digest(path))
            if known is not None:
                return ImportedFile(path, ImportOutcome.ALREADY_THERE, known)
            return self._store(path)
        except StorageError:
            raise
        except MediaError as error:
            return ImportedFile(path, ImportOutcome.REFUSED, code=error.code, reason=error.message)
        except OSError as error:
            reason = f"The file cannot be read: {error.strerror or type(error).__name__}."
            return ImportedFile(path, ImportOutcome.REFUSED, code="unreadable_file", reason=reason)

    def _find(self, sha256: str) -> int | None:
        with self._sessions() as session:
            return find_content(session, self._wishes.instance_id, sha256)

    def _store(self, path: Path) -> ImportedFile:
        wishes = self._wishes
        with (
            path.open("rb") as stream,
            self._sessions() as session,
            receive(
                stream, path.name, session=session, storage=self._storage, limits=self._limits
            ) as received,
            unit_of_work(session) as work,
        ):
            _wait_for_other_imports(work.session, wishes.instance_id)
            known = find_content(work.session, wishes.instance_id, received.sha256)
            if known is not None:
                return ImportedFile(path, ImportOutcome.ALREADY_THERE, known)
            document = accept(
                work,
                received,
                instance_id=wishes.instance_id,
                owner_id=wishes.owner_id,
                folder_id=self._folder(work, path),
            )
            # The scheduler hands out many in one job, within a second.
            document.tagging_enqueued_at = None
            if wishes.tags:
                add_tags(work, wishes.instance_id, [document.id], wishes.tags, user_id=wishes.owner_id)
        return ImportedFile(path, ImportOutcome.IMPORTED, document.id)

    def _folder(self, work: UnitOfWork, path: Path) -> int | None:
        names = self._wishes.into.split(SEPARATOR)
        if self._wishes.keeps_folders:
            names += path.relative_to(self._root).parts[:-1]
        names = [clean_folder_name(name) for name in names if name]
        if len(names) > MAXIMUM_DEPTH:
            raise FolderRefused("folder_too_deep", f"Folders can be nested {MAXIMUM_DEPTH} deep at most.")
        return ensure_folder(work.session, self._wishes.instance_id, SEPARATOR.join(names))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _wait_for_other_imports(session: Session, instance_id: int) -> None:
    """Two imports of the same files at once must not both find them missing. On SQLite one writes at a time anyway."""
    session.execute(
        select(VirtualInstance.id).where(VirtualInstance.id == instance_id).with_for_update()
    ).all()
