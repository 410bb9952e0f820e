"""Changing folders: make, rename, move and delete them, with their files.

Whoever changes the tree of an instance takes hold of its row first, so that two moves at once cannot put two
folders into each other.
"""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from autotag.media.bin.recycle_bin import restore_act, trash
from autotag.media.errors import FolderRefused
from autotag.media.folders.folder_tree import descendant_ids, load_folder, path_of
from autotag.media.library.folder_paths import SEPARATOR, ensure_folder
from autotag.media.library.query import DocumentQuery, Selection
from autotag.models import Folder, VirtualInstance
from autotag.models.names import fold, normalize
from autotag.models.uniqueness import refused_when_taken
from autotag.models.unit_of_work import UnitOfWork

NAME_LENGTH = 255
MAXIMUM_DEPTH = 20
"""How deep folders nest; a path stays one that people can read."""


@dataclass(frozen=True, slots=True)
class DeletedFolder:
    """A folder that was deleted: its path, its parent, and the moment that its files have in the recycle bin."""

    path: str
    parent_id: int | None
    stamp: datetime


def clean_folder_name(name: str) -> str:
    """Return a typed name as it is stored. Raises FolderRefused with code `folder_name`."""
    text = normalize(name).strip()
    if not text:
        raise FolderRefused("folder_name", "Enter a name for the folder.")
    if len(text) > NAME_LENGTH or len(fold(text)) > NAME_LENGTH:
        raise FolderRefused("folder_name", f"The name of a folder has at most {NAME_LENGTH} characters.")
    if SEPARATOR in text:
        raise FolderRefused("folder_name", "The name of a folder cannot contain a slash.")
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in text):
        raise FolderRefused("folder_name", "The name of a folder cannot contain control characters.")
    if text in (".", ".."):
        raise FolderRefused("folder_name", f"A folder cannot be called {text}")
    return text


def create_folder(work: UnitOfWork, instance_id: int, name: str, *, parent_id: int | None = None) -> Folder:
    """Make a folder, at the top without a parent. Raises FolderRefused and FolderNotFound."""
    session = work.session
    text = clean_folder_name(name)
    _hold_tree(session, instance_id)
    if parent_id is not None and len(path_of(session, instance_id, parent_id)) >= MAXIMUM_DEPTH:
        raise _too_deep()
    folder = Folder(instance_id=instance_id, parent_id=parent_id, name=text, normalized_name=fold(text))
    with refused_when_taken(session, lambda: _exists(text)):
        session.add(folder)
        session.flush()
    return folder


def ensure_path(work: UnitOfWork, instance_id: int, path: str, *, parent_id: int | None = None) -> int | None:
    """Return the folder at a path below another one, or below the top, making what is missing of it.

    What is made has the names that the path has; what is there is found whatever its case. Raises FolderRefused for
    a step that cannot be a folder's name and for one that would be too deep, and FolderNotFound.
    """
    session = work.session
    names = [clean_folder_name(step) for step in path.split(SEPARATOR) if step]
    _hold_tree(session, instance_id)
    depth = 0 if parent_id is None else len(path_of(session, instance_id, parent_id))
    if depth + len(names) > MAXIMUM_DEPTH:
        raise _too_deep()
    return ensure_folder(session, instance_id, SEPARATOR.join(names), parent_id=parent_id)


def rename_folder(work: UnitOfWork, instance_id: int, folder_id: int, name: str) -> Folder:
    """Give a folder another name. Raises FolderRefused and FolderNotFound."""
    session = work.session
    _hold_tree(session, instance_id)
    folder = load_folder(session, instance_id, folder_id)
    text = clean_folder_name(name)
    with refused_when_taken(session, lambda: _exists(text)):
        folder.name = text
        folder.normalized_name = fold(text)
        session.flush()
    return folder


def move_folder(work: UnitOfWork, instance_id: int, folder_id: int, parent_id: int | None) -> Folder:
    """Put a folder, with all that is in it, into another one or to the top. Raises FolderRefused and FolderNotFound."""
    session = work.session
    _hold_tree(session, instance_id)
    folder = load_folder(session, instance_id, folder_id)
    levels = descendant_ids(session, instance_id, folder_id)
    if parent_id is not None:
        if parent_id in levels:
            raise FolderRefused("folder_into_itself", "A folder cannot be moved into itself or below itself.")
        if len(path_of(session, instance_id, parent_id)) + max(levels.values()) > MAXIMUM_DEPTH:
            raise _too_deep()
    name = folder.name
    with refused_when_taken(session, lambda: _exists(name)):
        folder.parent_id = parent_id
        session.flush()
    return folder


def delete_folder(
    work: UnitOfWork, instance_id: int, folder_id: int, *, user_id: int | None
) -> DeletedFolder:
    """Put the files of a folder and of those below it into the recycle bin, and remove the folders."""
    session = work.session
    _hold_tree(session, instance_id)
    steps = path_of(session, instance_id, folder_id)
    path, parent_id = SEPARATOR.join(step.name for step in steps), steps[-1].parent_id
    everything = DocumentQuery(folder_id=folder_id, with_subfolders=True)
    stamp = trash(work, instance_id, Selection(query=everything), user_id=user_id)
    # Those below it go with it: the database sees to that.
    session.execute(
        delete(Folder)
        .where(Folder.instance_id == instance_id, Folder.id == folder_id)
        .execution_options(synchronize_session=False)
    )
    session.expire_all()
    return DeletedFolder(path, parent_id, stamp)


def restore_folder(
    work: UnitOfWork, instance_id: int, path: str, stamp: datetime, *, user_id: int | None
) -> int | None:
    """Take the deletion of a folder back: its files return, and with them the folders that held any.

    The folder itself is made again even when it was empty, if its path is given; empty folders below it are not.
    Returns its id. Raises FolderRefused for a path that no folder can have.
    """
    restore_act(work, instance_id, stamp, user_id)
    parent_id: int | None = None
    for step in filter(None, path.split(SEPARATOR)[:MAXIMUM_DEPTH]):
        name = clean_folder_name(step)
        found = work.session.scalar(
            select(Folder.id).where(
                Folder.instance_id == instance_id,
                Folder.parent_id.is_(None) if parent_id is None else Folder.parent_id == parent_id,
                Folder.normalized_name == fold(name),
            )
        )
        parent_id = found or create_folder(work, instance_id, name, parent_id=parent_id).id
    return parent_id


def _hold_tree(session: Session, instance_id: int) -> None:
    session.execute(
        select(VirtualInstance.id).where(VirtualInstance.id == instance_id).with_for_update()
    ).all()


def _exists(name: str) -> FolderRefused:
    return FolderRefused("folder_exists", f"There is a folder called {name} here already.")


def _too_deep() -> FolderRefused:
    return FolderRefused("folder_too_deep", f"Folders can be nested {MAXIMUM_DEPTH} deep at most.")
