import tarfile
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
