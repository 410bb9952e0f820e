import os
from pathlib import Path

from autotag.media.folders.folder_walk import files_below


def test_files_come_by_name_without_hidden_ones_and_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/1.png", "a.png", ".git/config", "b/.DS_Store"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b" / "round").symlink_to(tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for path in files_below(tmp_path, lambda _error: None)]
    assert found == ["a.png", "b/1.png", "b/2.png"]


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    errors: list[OSError] = []
    assert list(files_below(tmp_path / "nowhere", errors.append)) == []
    assert [os.fspath(error.filename) for error in errors] == [str(tmp_path / "nowhere")]
