"""Only the one model leaves an archive, whatever else is in it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from autotag.inference.errors import InstallationCancelled, ModelRejected
from autotag.inference.installing import unpacking
from autotag.inference.installing.unpacking import copy_limited, extract_model

Pack = Callable[..., Path]


def file(name: str, content: bytes = b"model") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member, content


def link(name: str, target: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """Packs members into an archive."""

    def make(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> Path:
        path = tmp_path / "archive.tgz"
        with tarfile.open(path, mode) as archive:
            for member, content in members:
                archive.addfile(member, io.BytesIO(content))
        return path

    return make


def extract(archive: Path, limit: int = 1000) -> bytes:
    target = archive.with_name("model.tflite")
    extract_model(archive, target, limit, lambda: False)
    return target.read_bytes()


@pytest.mark.parametrize("name", ["model.tflite", "./inception/other.TFLITE"])
@pytest.mark.parametrize("mode", ["w:gz", "w", "w:bz2"])
def test_the_only_model_is_taken_from_among_others(pack: Pack, name: str, mode: str) -> None:
    members = [file("frozen.pb", b"graph"), file(name), file("._model.tflite", b"junk"), file("labels.txt")]

    assert extract(pack(*members, mode=mode)) == b"model"


def test_nothing_else_is_written(pack: Pack, tmp_path: Path) -> None:
    extract(pack(file("../../outside.txt"), file("/tmp/outside.txt"), file("model.tflite")))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive.tgz", "model.tflite"]


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ([file("../model.tflite")], "not a plain file"),
        ([file("/etc/model.tflite")], "not a plain file"),
        ([link("model.tflite", "/etc/passwd", tarfile.SYMTYPE)], "not a plain file"),
        ([file("a.pb"), link("model.tflite", "a.pb", tarfile.LNKTYPE)], "not a plain file"),
        ([link("model.tflite", "", tarfile.FIFOTYPE)], "not a plain file"),
        ([file("one.tflite"), file("two.tflite")], "more than one"),
        ([file("model.pb")], "holds no .tflite file"),
    ],
)
def test_an_archive_without_one_plain_model_is_refused(
    pack: Pack, members: list[tuple[tarfile.TarInfo, bytes]], sentence: str
) -> None:
    with pytest.raises(ModelRejected, match=sentence) as refusal:
        extract(pack(*members))
    assert refusal.value.code == "archive_refused"


def test_a_member_that_is_too_large_is_refused(pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(ModelRejected, match="larger than") as refusal:
        extract(pack(file("model.tflite", bytes(2_000_001))), limit=2_000_000)
    assert refusal.value.code == "too_large"
    assert (tmp_path / "model.tflite").stat().st_size <= 2_000_000


def test_an_archive_of_unreasonable_content_is_refused(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "LARGEST_CONTENT", 1_000_000)

    with pytest.raises(ModelRejected, match="unreasonably much"):
        extract(pack(file("bomb", bytes(2_000_000)), file("model.tflite")))


def test_an_archive_of_too_many_members_is_refused(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MOST_MEMBERS", 10)

    with pytest.raises(ModelRejected, match="unreasonably much"):
        extract(pack(*(file(f"{number}") for number in range(11))))


@pytest.mark.parametrize("keep", [0, 10, 100])
def test_a_damaged_archive_is_refused(pack: Pack, keep: int) -> None:
    archive = pack(file("model.tflite", bytes(range(256)) * 3))
    archive.write_bytes(archive.read_bytes()[:keep])

    with pytest.raises(ModelRejected, match="not a tar archive or is damaged"):
        extract(archive)


def test_unpacking_can_be_cancelled(pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(InstallationCancelled):
        extract_model(pack(file("model.tflite")), tmp_path / "model", 1000, lambda: True)


def test_copying_can_be_cancelled(tmp_path: Path) -> None:
    with pytest.raises(InstallationCancelled):
        copy_limited(io.BytesIO(b"x"), tmp_path / "copy", 10, lambda: True)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_an_archive_that_is_damaged_anywhere_is_unpacked_or_refused(pack: Pack, mode: str) -> None:
    archive = pack(file("a/model.tflite", bytes(range(256)) * 8), mode=mode)
    content = archive.read_bytes()
    for place in range(0, len(content), max(1, len(content) // 150)):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        archive.write_bytes(damaged)
        with suppress(ModelRejected):
            extract(archive, limit=4096)


def test_headers_without_end_are_refused(pack: Pack) -> None:
    member, _ = file("a/model.tflite")
    member.pax_headers = {"comment": "x"}
    header = member.tobuf(tarfile.PAX_FORMAT)[:1024]
    archive = pack()
    archive.write_bytes(header * 3000)
    with pytest.raises(ModelRejected):
        extract(archive)
