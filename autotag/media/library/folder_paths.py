"""Folders as paths: where a folder lies, in words, and the way back from the words to a folder."""

from collections.abc import Collection

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from autotag.models import Folder
from autotag.models.base import utc_now
from autotag.models.insertion import insert_new
from autotag.models.names import fold

SEPARATOR = "/"


def folder_paths(session: Session, instance_id: int, folder_ids: Collection[int]) -> dict[int, str]:
    """Return the paths of folders of an instance by id: the names from the top down, with slashes between."""
    lines = (
        select(Folder.id, Folder.parent_id, Folder.name)
        .where(Folder.owned_by(instance_id), Folder.id.in_(folder_ids))
        .cte("lines", recursive=True)
    )
    # A union, not a union of all: it ends even if folders should ever contain each other.
    lines = lines.union(
        select(Folder.id, Folder.parent_id, Folder.name)
        .where(Folder.instance_id == instance_id)
        .join(lines, Folder.id == lines.c.parent_id)
    )
    found = {row.id: (row.parent_id, row.name) for row in session.execute(select(lines))}
    return {key: SEPARATOR.join(_names(found, key)) for key in folder_ids if key in found}


def _names(found: dict[int, tuple[int | None, str]], folder_id: int) -> list[str]:
    names: list[str] = []
    step: int | None = folder_id
    seen: set[int] = set()
    while step is not None and step in found and step not in seen:
        seen.add(step)
        step, name = found[step]
        names.append(name)
    return names[::-1]


def find_folder(session: Session, instance_id: int, path: str) -> int | None:
    """Return the folder at a path, whatever the case of its names; None when there is none, or the path is empty."""
    found: int | None = None
    for name in filter(None, path.split(SEPARATOR)):
        found = session.scalar(_child(instance_id, found, name))
        if found is None:
            return None
    return found


def ensure_folder(
    session: Session, instance_id: int, path: str, *, parent_id: int | None = None
) -> int | None:
    """Return the folder at a path below another one, making what is missing of it; without a parent from the top on.

    Names are found whatever their case, so a folder that was made again meanwhile is used. The empty path is the
    parent, None for the top.
    """
    for name in filter(None, path.split(SEPARATOR)):
        parent_id = _ensure_child(session, instance_id, parent_id, name)
    return parent_id


def _ensure_child(session: Session, instance_id: int, parent_id: int | None, name: str) -> int:
    statement = _child(instance_id, parent_id, name)
    found = session.scalar(statement)
    if found is None:
        # Somebody else may make it at the same time; whoever comes second finds it.
        row: dict[str, object] = {
            "instance_id": instance_id,
            "parent_id": parent_id,
            "name": name,
            "normalized_name": fold(name),
            "created_at": utc_now(),
        }
        insert_new(session, Folder.__table__, [row])
        found = session.scalars(statement).one()
    return found


def _child(instance_id: int, parent_id: int | None, name: str) -> Select[int]:
    return select(Folder.id).where(
        Folder.instance_id == instance_id,
        Folder.parent_id.is_(None) if parent_id is None else Folder.parent_id == parent_id,
        Folder.normalized_name == fold(name),
    )
