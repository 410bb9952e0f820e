"""Takes exactly one file out of an archive. No name in the archive ever becomes a path."""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

from autotag.inference.errors import InstallationCancelled, ModelCode, ModelRejected

COPY_BYTES = 1 << 20
# Far above every archive of the catalogue, far below what would occupy a machine for long.
MOST_MEMBERS = 1000
LARGEST_CONTENT = 4 << 30
# What tarfile and the decompressors raise for what is damaged; a header can send them deep into themselves.
DAMAGED = (
    tarfile.TarError,
    EOFError,
    lzma.LZMAError,
    zlib.error,
    OSError,
    OverflowError,
    RecursionError,
    ValueError,
)


def extract_model(archive: Path, target: Path, limit: int, cancelled: Callable[[], bool]) -> None:
    """Copies the only .tflite file of the tar archive, at most `limit` bytes, to `target`.

    Members are read in the archive's order without unpacking the others. Raises `ModelRejected` when it is no
    tar archive, is damaged, is unreasonably large, or does not hold exactly one such file with a plain place
    inside it; and `InstallationCancelled`.
    """
    try:
        with tarfile.open(archive, "r|*") as members:
            _extract_only_model(members, target, limit, cancelled)
    except DAMAGED as error:
        # A full disk is no fault of the archive; it says so by its number.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _refused("it is not a tar archive or is damaged") from error


def copy_limited(
    source: IO[bytes], target: Path, limit: int, cancelled: Callable[[], bool] = lambda: False
) -> None:
    """Copies a stream to the file `target`. Raises `ModelRejected` as soon as it exceeds `limit` bytes."""
    done = 0
    with target.open("wb") as output:
        while block := source.read(COPY_BYTES):
            if cancelled():
                raise InstallationCancelled
            done += len(block)
            if done > limit:
                message = f"The file is larger than {limit // 1_000_000} MB."
                raise ModelRejected(ModelCode.TOO_LARGE, message)
            output.write(block)


def _extract_only_model(
    members: tarfile.TarFile, target: Path, limit: int, cancelled: Callable[[], bool]
) -> None:
    found = False
    content = 0
    for number, member in enumerate(members, start=1):
        if cancelled():
            raise InstallationCancelled
        content += member.size
        if number > MOST_MEMBERS or content > LARGEST_CONTENT:
            raise _refused("it holds unreasonably much")
        if not _is_model(member.name):
            continue
        stream = members.extractfile(member) if _is_plain(member) else None
        if stream is None:
            raise _refused(f"{member.name!r} in it is not a plain file")
        if found:
            raise _refused("it holds more than one .tflite file")
        found = True
        copy_limited(stream, target, limit, cancelled)
    if not found:
        raise _refused("it holds no .tflite file")


def _is_model(name: str) -> bool:
    """Whether a member is named like a model. What begins with a dot was left by the packing system."""
    path = PurePosixPath(name)
    return path.suffix.lower() == ".tflite" and not path.name.startswith(".")


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Whether a member is an ordinary file, without holes, inside the archive's own tree."""
    path = PurePosixPath(member.name)
    return member.isreg() and not member.issparse() and not path.is_absolute() and ".." not in path.parts


def _refused(reason: str) -> ModelRejected:
    return ModelRejected(ModelCode.ARCHIVE_REFUSED, f"The archive was refused: {reason}.")
