"""Nobody else on the machine reads anything of an installation, whoever made its files and however."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autotag.config import Config
from autotag.serving.private_files import MARK, make_private, tighten


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """Everything in a folder, itself included, that others may read, write or enter."""
    found = [folder, *folder.rglob("*")]
    return [
        str(path.relative_to(folder))
        for path in found
        if not path.is_symlink() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    ]


@pytest.fixture
def installation(tmp_path: Path, config: Config) -> Config:
    """One as earlier versions left it."""
    folder = tmp_path / "instance"
    for name in (
        "autotag.sqlite",
        "autotag.sqlite-wal",
        "secret_key",
        "broker/broker.log",
        "files/originals/ab/cd/content",
        "models/toy/model.tflite",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        path.chmod(0o644)
    url = f"sqlite:///{folder / 'autotag.sqlite'}"
    return replace(config, instance_path=folder, storage_path=folder / "files", database_url=url)


def test_what_an_earlier_version_left_is_tightened(installation: Config) -> None:
    assert len(open_to_others(installation.instance_path)) > 10
    tighten(installation)
    assert open_to_others(installation.instance_path) == []
    assert (installation.instance_path / "secret_key").read_text() == "x"


def test_later_only_the_top_is_gone_through_until_everything_is_asked_for(installation: Config) -> None:
    tighten(installation)
    folder = installation.instance_path
    (folder / "autotag.sqlite").chmod(0o644)
    (folder / "files/originals/ab/cd/content").chmod(0o644)
    folder.chmod(0o755)
    tighten(installation)
    assert open_to_others(folder) == ["files/originals/ab/cd/content"]
    tighten(installation, everything=True)
    assert open_to_others(folder) == []


def test_of_an_outside_storage_folder_only_what_is_ours_is_tightened(
    installation: Config, tmp_path: Path
) -> None:
    outside = tmp_path / "share"
    for name in ("originals/ab/content", "somebody/elses"):
        (outside / name).parent.mkdir(parents=True)
        (outside / name).write_text("x")
    outside.chmod(0o755)
    tighten(replace(installation, storage_path=outside))
    assert open_to_others(outside) == [".", "somebody", "somebody/elses"]


def test_links_lead_to_nothing_that_is_changed(installation: Config, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    (installation.instance_path / "link").symlink_to(elsewhere)
    tighten(installation)
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o755


def test_what_is_made_later_is_private_from_the_beginning(installation: Config) -> None:
    make_private(installation.instance_path)
    assert stat.S_IMODE(installation.instance_path.stat().st_mode) == 0o700
    (installation.instance_path / "new").mkdir()
    (installation.instance_path / "new" / "file").write_text("x")
    assert [name for name in open_to_others(installation.instance_path) if name.startswith("new")] == []


def test_setting_up_leaves_nothing_that_others_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "i"
    folder.mkdir(mode=0o755)
    (folder / "autotag.sqlite").touch(mode=0o644)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AUTOTAG_")}
    subprocess.run(
        [sys.executable, "-m", "autotag", "init"],
        env=environment | {"AUTOTAG_INSTANCE_PATH": str(folder)},
        check=True,
        capture_output=True,
        timeout=300,
    )
    assert (folder / MARK).exists()
    assert (folder / "models").is_dir()
    assert open_to_others(folder) == []
