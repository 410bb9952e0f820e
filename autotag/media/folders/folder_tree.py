"""Looking at folders: one of them, the way to it, what is below it, and all of them for a picker."""

from dataclasses import dataclass

from sqlalchemy import CTE, Integer, ScalarSelect, func, literal, select
from sqlalchemy.orm import Session, aliased

from autotag.media.errors import FolderNotFound
from autotag.models import Document, Folder

LARGEST_ID = 2**31 - 1
COUNTED_AT_MOST = 200
"""How far the files of each folder are counted."""

TILES = 60
"""How many folders a page shows before it is asked for all."""


@dataclass(frozen=True, slots=True)
class FolderTile:
    """A folder as a page shows it; `documents` counts its own files, up to COUNTED_AT_MOST."""

    id: int
    name: str
    documents: int


@dataclass(frozen=True, slots=True)
class FolderTiles:
    """The folders inside a folder, by name; `total` may be more than are shown."""

    items: list[FolderTile]
    total: int


@dataclass(frozen=True, slots=True)
class FolderChoice:
    """A folder in a picker: its path from the top, and how deep it lies (1 for the top)."""

    id: int
    name: str
    path: str
    depth: int


def load_folder(session: Session, instance_id: int, folder_id: int) -> Folder:
    """Return one folder of this instance. Raises FolderNotFound, for another instance's folder as well."""
    folder = None
    if 0 < folder_id <= LARGEST_ID:
        folder = session.scalar(
            select(Folder).where(Folder.instance_id == instance_id, Folder.id == folder_id)
        )
    if folder is None:
        raise FolderNotFound(folder_id)
    return folder


def path_of(session: Session, instance_id: int, folder_id: int) -> list[Folder]:
    """Return the folders from the top down to this one, itself included. Raises FolderNotFound."""
    if not 0 < folder_id <= LARGEST_ID:
        raise FolderNotFound(folder_id)
    way = (
        select(Folder.id, Folder.parent_id, literal(0, Integer).label("up"))
        .where(Folder.instance_id == instance_id, Folder.id == folder_id)
        .cte("way", recursive=True)
    )
    above = aliased(Folder)
    way = way.union_all(
        select(above.id, above.parent_id, way.c.up + 1).where(
            above.instance_id == instance_id, above.id == way.c.parent_id
        )
    )
    folders = session.scalars(select(Folder).join(way, way.c.id == Folder.id).order_by(way.c.up.desc()))
    found = list(folders)
    if not found:
        raise FolderNotFound(folder_id)
    return found


def descendant_ids(session: Session, instance_id: int, folder_id: int) -> dict[int, int]:
    """Return the ids of a folder and of all below it, each with its level: 1 for the folder itself."""
    tree = _below(instance_id, folder_id)
    return {row.id: row.level for row in session.execute(select(tree.c.id, tree.c.level))}


def _below(instance_id: int, folder_id: int) -> CTE:
    tree = (
        select(Folder.id, literal(1, Integer).label("level"))
        .where(Folder.instance_id == instance_id, Folder.id == folder_id)
        .cte("tree", recursive=True)
    )
    child = aliased(Folder)
    return tree.union_all(
        select(child.id, tree.c.level + 1).where(
            child.instance_id == instance_id, child.parent_id == tree.c.id
        )
    )


def folder_tiles(
    session: Session, instance_id: int, parent_id: int | None, *, limit: int | None = TILES
) -> FolderTiles:
    """Return the folders inside a folder, or those at the top, by name."""
    inside = (
        Folder.instance_id == instance_id,
        Folder.parent_id.is_(None) if parent_id is None else Folder.parent_id == parent_id,
    )
    rows = session.execute(
        select(Folder.id, Folder.name, _documents_in_folder(), func.count().over())
        .where(*inside)
        .order_by(Folder.normalized_name)
        .limit(limit)
    ).all()
    tiles = [FolderTile(folder_id, name, documents) for folder_id, name, documents, _ in rows]
    return FolderTiles(tiles, rows[0][3] if rows else 0)


def _documents_in_folder() -> ScalarSelect[int]:
    """Count the files of the folder in the row outside, which the inner of two statements names."""
    some = (
        select(Document.id)
        .where(Document.folder_id == Folder.id, Document.deleted_at.is_(None))
        .limit(COUNTED_AT_MOST)
        .correlate(Folder)
        .subquery()
    )
    return select(func.count()).select_from(some).correlate(Folder).scalar_subquery()


def folder_choices(session: Session, instance_id: int) -> list[FolderChoice]:
    """Return all folders of an instance for a picker: each below its parent, siblings by name."""
    children: dict[int | None, list[tuple[int, str]]] = {}
    for folder_id, parent_id, name in session.execute(
        select(Folder.id, Folder.parent_id, Folder.name)
        .where(Folder.instance_id == instance_id)
        .order_by(Folder.normalized_name)
    ):
        children.setdefault(parent_id, []).append((folder_id, name))
    choices: list[FolderChoice] = []
    waiting = [(folder_id, name, name, 1) for folder_id, name in reversed(children.get(None, []))]
    while waiting:
        folder_id, name, path, depth = waiting.pop()
        choices.append(FolderChoice(folder_id, name, path, depth))
        inside = reversed(children.get(folder_id, []))
        waiting += [(key, below, f"{path}/{below}", depth + 1) for key, below in inside]
    return choices
