"""A file is known by its fingerprint, the way other tools print it."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotag.inference.errors import ModelRejected
from autotag.inference.models.digests import Digest, git_blob, sha256

# As `git hash-object` and `sha256sum` print them for the six bytes of "hello" and a line feed.
GIT_BLOB = "ce013625030ba8dba906f756967f9e9ca394464a"
SHA256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"hello\n")
    return path


def test_the_digests_are_those_of_the_usual_tools(file: Path) -> None:
    assert (sha256(file), git_blob(file)) == (SHA256, GIT_BLOB)


def test_the_expected_file_passes(file: Path) -> None:
    Digest("sha256", SHA256).expect(file)
    Digest("git-blob", GIT_BLOB).expect(file)


@pytest.mark.parametrize(
    ("digest", "name"), [(Digest("sha256", "0" * 64), "SHA-256"), (Digest("git-blob", "0" * 40), "Git blob")]
)
def test_another_file_is_refused_with_both_digests(file: Path, digest: Digest, name: str) -> None:
    with pytest.raises(ModelRejected, match=rf"its {name}.* is [0-9a-f]+, not 0+\.") as refusal:
        digest.expect(file)
    assert refusal.value.code == "digest_mismatch"
