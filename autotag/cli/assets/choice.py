"""Which documents a command of `autotag assets` is about, and what is refused about them."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.orm import Session

from autotag.media.library.folder_paths import find_folder
from autotag.media.library.query import DocumentQuery, Selection
from autotag.tagging.bulk.actions import BulkActionNotFound
from autotag.tagging.runs.lifecycle import RunNotFound
from autotag.tagging.tags.names import TaggingRefused

NOTHING = frozenset({"nothing_to_tag", "nothing_selected"})


def chosen(
    session: Session, instance_id: int, document_ids: tuple[int, ...], folder: str | None
) -> Selection | None:
    """Return the documents that the options mean; None for all of the instance."""
    if document_ids:
        return Selection(ids=document_ids)
    if folder is None:
        return None
    folder_id = find_folder(session, instance_id, folder)
    if folder_id is None:
        raise click.ClickException(f"There is no folder {folder} in this virtual instance.")
    return Selection(query=DocumentQuery(folder_id=folder_id, with_subfolders=True))


class NothingToDo(click.ClickException):
    """None of the documents that were meant is there, or none is an image."""


@contextmanager
def refusals_told() -> Iterator[None]:
    """End the command with the one sentence of what the domain refuses. Raises NothingToDo for nothing to do."""
    try:
        yield
    except TaggingRefused as error:
        kind = NothingToDo if error.code in NOTHING else click.ClickException
        raise kind(error.message) from error
    except (RunNotFound, BulkActionNotFound) as error:
        raise click.ClickException(str(error)) from error
