"""Copies of originals with the documents' tags written into them. The stored originals are never changed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from autotag.inference.errors import KeywordsUnwritable, ProcessCrashed
from autotag.inference.process.keyword_process import KeywordProcess
from autotag.media.errors import MediaError, StorageError
from autotag.media.library.download import Entry, stream_archive
from autotag.media.storage.storage import Storage, original_key
from autotag.tagging.document_tags.tags_for_copies import DocumentTags, keywords_of_copy

WRITABLE_TYPES = frozenset({"image/jpeg", "image/png", "image/webp", "image/tiff"})


class TagsNotWritten(MediaError):
    """The tags cannot be written into a copy of this file."""


def stream_tagged_archive(
    entries: Sequence[Entry], storage: Storage, tags: Mapping[int, DocumentTags]
) -> Iterator[bytes]:
    """Yield the bytes of an archive of copies; a file that takes no tags is in it as it was uploaded."""
    with KeywordProcess() as process:
        copies = TaggedCopies(storage, process)

        def open_copy(entry: Entry) -> AbstractContextManager[BinaryIO]:
            return copies.open(entry, tags[entry.document_id])

        yield from stream_archive(entries, open_copy)


class TaggedCopies:
    """Makes copies for one download, with one process for all of them."""

    def __init__(self, storage: Storage, process: KeywordProcess) -> None:
        self._storage = storage
        self._process = process

    @contextmanager
    def copy(self, sha256: str, tags: DocumentTags) -> Iterator[Path]:
        """Make a copy of an original, which goes when the block ends.

        Raises TagsNotWritten, FileNotFoundError when the original is missing, and StorageError.
        """
        path = self._storage.incoming().absolute()
        try:
            with self._storage.on_disk(original_key(sha256)) as original:
                self._process.write(original, path, keywords_of_copy(self._process.read(original), tags))
            yield path
        except KeywordsUnwritable as error:
            raise TagsNotWritten(
                "tags_not_written", f"The tags were not written into a copy. {error.message}"
            ) from error
        except ProcessCrashed as error:
            raise TagsNotWritten(
                "tags_not_written", "The tags were not written into a copy: the file could not be worked on."
            ) from error
        finally:
            path.unlink(missing_ok=True)

    @contextmanager
    def open(self, entry: Entry, tags: DocumentTags) -> Iterator[BinaryIO]:
        """Open a copy of a file of an archive, or the original where there can be no copy. Raises OSError."""
        with ExitStack() as stack:
            yield stack.enter_context(self._opened(entry, tags, stack))

    def _opened(self, entry: Entry, tags: DocumentTags, stack: ExitStack) -> BinaryIO:
        if entry.mime_type in WRITABLE_TYPES:
            try:
                return stack.enter_context(self.copy(entry.sha256, tags)).open("rb")
            except (TagsNotWritten, StorageError):
                pass
        return self._storage.open(original_key(entry.sha256))
