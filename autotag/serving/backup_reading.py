"""What stands in a backup about itself, read with bounds: it may be damaged, or no backup at all."""

import json
import tarfile
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeGuard

from autotag.serving.backup import COMPLETE, MANIFEST, BackupError, Manifest

LARGEST_MANIFEST = 1 << 20
"""Bytes. A manifest has a few hundred; the note at the end names each missing file by 64 letters."""
LARGEST_COMPLETE = 64 << 20

DAMAGED_ARCHIVE = (tarfile.TarError, EOFError, OverflowError, RecursionError, ValueError)
"""What `tarfile` raises for archives that are damaged: its own errors, and whatever it meets on the way to them."""


def read_manifest(archive: tarfile.TarFile) -> Manifest:
    """Read the first member. Raises BackupError when it is no manifest of a backup."""
    first = archive.next()
    if first is None or first.name != MANIFEST or not first.isreg() or first.issparse():
        raise BackupError("This is no backup of Autotag: it does not begin with a manifest.")
    content = archive.extractfile(first)
    said = _parsed(content.read(LARGEST_MANIFEST + 1) if content is not None else b"", LARGEST_MANIFEST)
    if not isinstance(said, dict) or not _is_manifest(said):
        raise BackupError("The manifest of this backup cannot be read.")
    return Manifest(**said)


def read_complete(staging: Path) -> int:
    """Return how many originals a backup says that it holds, from its last member. Raises BackupError."""
    path = staging / COMPLETE
    if not path.is_file():
        raise BackupError("The backup broke off before its end; nothing was restored.")
    with path.open("rb") as file:
        said = _parsed(file.read(LARGEST_COMPLETE + 1), LARGEST_COMPLETE)
    originals = said.get("originals") if isinstance(said, dict) else None
    if not _is_count(originals):
        raise BackupError("The backup is damaged: what stands at its end cannot be read.")
    return originals


def _parsed(content: bytes, largest: int) -> Any:
    """Return what a text of JSON says, None when it is too long, too deeply nested, or no JSON."""
    if len(content) > largest:
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _is_manifest(said: dict[str, Any]) -> bool:
    texts = ("version", "created_at", "database", "database_sha256")
    return (
        said.keys() == {field.name for field in fields(Manifest)}
        and all(isinstance(said[name], str) for name in texts)
        and (said["revision"] is None or isinstance(said["revision"], str))
        and _is_count(said["originals"])
    )


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
