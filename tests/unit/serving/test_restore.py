import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from autotag.config import Config
from autotag.serving.backup import BackupError, back_up
from autotag.serving.restore import restore


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "models/../../evil", "files/originals/evil", "evil"]
)
def test_only_what_a_backup_holds_is_unpacked(name: str, config: Config, tmp_path: Path) -> None:
    back_up(config, tmp_path / "backup.tar")
    with tarfile.open(tmp_path / "backup.tar", "a") as archive:
        archive.add(__file__, name)
    (tmp_path / "there").mkdir()
    with pytest.raises(BackupError, match="no backup of Autotag"):
        restore(config, tmp_path / "backup.tar", overwrite=True)
    assert not list(tmp_path.rglob("evil"))


def test_a_link_in_a_backup_is_refused(config: Config, tmp_path: Path) -> None:
    back_up(config, tmp_path / "backup.tar")
    with tarfile.open(tmp_path / "backup.tar", "a") as archive:
        link = tarfile.TarInfo("models/toy/model.tflite")
        link.type = tarfile.SYMTYPE
        link.linkname = "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(BackupError, match="no backup of Autotag"):
        restore(config, tmp_path / "backup.tar", overwrite=True)


def test_an_empty_file_where_the_database_would_be_is_no_installation(config: Config, tmp_path: Path) -> None:
    """Doctor, or another program that merely looked, has left it."""
    (tmp_path / "empty.sqlite").touch()
    (tmp_path / "backup.tar").write_bytes(b"no backup")
    elsewhere = replace(config, database_url=f"sqlite:///{tmp_path / 'empty.sqlite'}")
    with pytest.raises(BackupError) as caught:
        restore(elsewhere, tmp_path / "backup.tar")
    assert "already" not in str(caught.value)
    with pytest.raises(BackupError, match="There is an installation here already"):
        restore(config, tmp_path / "backup.tar")
