"""Fingerprints by which a file is known to be the one that was meant, before anything reads it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from autotag.inference.errors import ModelCode, ModelRejected

READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Digest:
    """A fingerprint in hexadecimal digits.

    `git-blob` is the name that Git gives to a file's content: the SHA-1 of "blob", a space, the length in
    decimal digits, a zero byte and the content (as `git hash-object` prints it). It serves where a publisher
    gives no SHA-256 but keeps the file in a repository.
    """

    kind: Literal["sha256", "git-blob"]
    value: str

    def expect(self, path: Path) -> None:
        """Raises `ModelRejected` (`digest_mismatch`) unless the file at `path` has this fingerprint."""
        found = sha256(path) if self.kind == "sha256" else git_blob(path)
        if found != self.value:
            name = "SHA-256" if self.kind == "sha256" else "Git blob id"
            message = (
                f"The file is not the one that this version knows: its {name} is {found}, not {self.value}."
            )
            raise ModelRejected(ModelCode.DIGEST_MISMATCH, message)


def sha256(path: Path) -> str:
    """The SHA-256 of the file at `path`."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def git_blob(path: Path) -> str:
    """The name that Git would give to the file at `path`."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
