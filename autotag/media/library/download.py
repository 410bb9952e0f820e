"""Many files as one zip, made while it is sent: nothing of it is held in memory or on disk as a whole.

Files are stored as they are, because pictures do not get smaller; their checksum is made on the way and follows the
bytes. More than 4 GB, in one file or in all, is written in the format's 64-bit form.
"""

import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import BinaryIO

from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.media.errors import MediaError, StorageError
from autotag.media.library.folder_paths import folder_paths
from autotag.media.library.query import Selection
from autotag.media.storage.storage import Storage, original_key
from autotag.models import Document
from autotag.models.names import normalize

MOST_FILES = 10_000
"""Files in one archive; the list of its names is all that is held."""

CHUNK_BYTES = 256 * 1024
NAME_BYTES = 200
"""Longest part of a name inside, in UTF-8: file systems take 255, and numbering a duplicate adds a few."""

# What Windows refuses in a name, beside control characters; a slash would make folders of its own.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


class DownloadRefused(MediaError):
    """An archive that cannot be made."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the archive: its name inside, the content that it is, and how many bytes that has.

    `document_id` and `mime_type` are those of the document whose file it is.
    """

    name: str
    sha256: str
    size: int
    document_id: int = 0
    mime_type: str = ""


Opener = Callable[[Entry], AbstractContextManager[BinaryIO]]
"""Opens what an archive holds of a document. Raises OSError and StorageError."""


def archive_entries(
    session: Session, instance_id: int, selection: Selection, *, until: int | None = None
) -> list[Entry]:
    """Return the files of an archive of the chosen documents, in the folders that they lie in.

    Folders that all of them lie in are left out. Raises DownloadRefused with code `nothing_selected` or
    `too_many_files`.
    """
    chosen = selection.select_ids(session, instance_id)
    if until is not None:
        chosen = chosen.where(Document.id <= until)
    rows = session.execute(
        select(Document.file_name, Document.sha256, Document.size, Document.folder_id)
        .add_columns(Document.id, Document.mime_type)
        .where(Document.id.in_(chosen.scalar_subquery()))
        .order_by(Document.id)
        .limit(MOST_FILES + 1)
    ).all()
    if not rows:
        raise DownloadRefused("nothing_selected", "None of the selected files is here any more.")
    if len(rows) > MOST_FILES:
        raise DownloadRefused(
            "too_many_files",
            f"A download holds at most {MOST_FILES:,} files. Select fewer, for example one folder at a time.",
        )
    paths = folder_paths(session, instance_id, {row.folder_id for row in rows if row.folder_id is not None})
    places = [_safe_steps(paths.get(row.folder_id, "")) for row in rows]
    common = _common_steps(places)
    inside = ["/".join(steps[common:]) for steps in places]
    # A file cannot have the name of a folder beside it.
    names = _UniqueNames(_with_parents(inside))
    return [
        Entry(
            names.take(posixpath.join(folder, safe_name(row.file_name))),
            row.sha256,
            row.size,
            row.id,
            row.mime_type,
        )
        for row, folder in zip(rows, inside, strict=True)
    ]


def originals(storage: Storage) -> Opener:
    """Return what opens the files as they were uploaded."""
    return lambda entry: storage.open(original_key(entry.sha256))


def stream_archive(entries: Sequence[Entry], open_entry: Opener) -> Iterator[bytes]:
    """Yield the bytes of the archive. A file that cannot be opened is named in a text inside instead.

    An error in the middle of a file ends the stream, so that whoever reads it is told that it is not whole.
    """
    from zipstream import ZipStream

    archive = ZipStream()
    missing = []
    for entry in entries:
        with ExitStack() as stack:
            try:
                source = stack.enter_context(open_entry(entry))
            except (OSError, StorageError):
                missing.append(entry.name)
                continue
            archive.add(iter(lambda: source.read(CHUNK_BYTES), b""), entry.name)  # noqa: B023 - read before the next
            yield from archive.file()
    if missing:
        archive.add(
            missing_text(missing), _UniqueNames(entry.name for entry in entries).take("Missing files.txt")
        )
    yield from archive.finalize()


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    while chunk := source.read(CHUNK_BYTES):
        yield chunk


def missing_text(names: Sequence[str]) -> str:
    """Say which files could not be put into the archive."""
    lines = ["These files could not be read from the storage and are not in this archive:", "", *names, ""]
    return "\r\n".join(lines)


def safe_name(name: str) -> str:
    """Return a name that every system can write into the folder it unpacks to, and nowhere else."""
    text = normalize(name)
    text = "".join("_" if unicodedata.category(letter).startswith("C") else letter for letter in text)
    text = _FORBIDDEN.sub("_", text).strip().rstrip(". ") or "unnamed"
    if _DEVICES.match(text):
        text = f"_{text}"
    stem, suffix = posixpath.splitext(text)
    suffix = _cut(suffix, 20)
    return _cut(stem, NAME_BYTES - len(suffix.encode())) + suffix


def _cut(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore")


def _safe_steps(path: str) -> list[str]:
    return [safe_name(step) for step in path.split("/") if step]


def _with_parents(folders: Iterable[str]) -> Iterator[str]:
    for folder in set(folders):
        steps = folder.split("/")
        yield from ("/".join(steps[:count]) for count in range(1, len(steps) + 1))


def _common_steps(places: Sequence[list[str]]) -> int:
    """Return how many folders from the top all places share."""
    first, last = min(places), max(places)
    common = 0
    for one, other in zip(first, last, strict=False):
        if one != other:
            break
        common += 1
    return common


class _UniqueNames:
    """Gives each name once, whatever its case: two that differ only in case are one file on some systems."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {name.casefold() for name in taken}
        self._counts: dict[str, int] = {}

    def take(self, name: str) -> str:
        """Return the name, or the name with a number before its extension."""
        stem, suffix = posixpath.splitext(name)
        free, number = name, self._counts.get(name.casefold(), 1)
        while free.casefold() in self._taken:
            number += 1
            free = f"{stem} ({number}){suffix}"
        self._counts[name.casefold()] = number
        self._taken.add(free.casefold())
        return free
