import stat
from pathlib import Path

import pytest

from autotag.instances.first_sign_in import forget_first_password, keep_first_sign_in, read_first_password

EMAIL = "admin@localhost"


def test_what_is_kept_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    keep_first_sign_in(tmp_path, EMAIL, "generated")
    assert read_first_password(tmp_path, EMAIL) == "generated"
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_newer_password_replaces_the_kept_one(tmp_path: Path) -> None:
    for password in ("first", "second"):
        keep_first_sign_in(tmp_path, EMAIL, password)
    assert read_first_password(tmp_path, EMAIL) == "second"


def test_nothing_is_known_of_another_address_or_before(tmp_path: Path) -> None:
    assert read_first_password(tmp_path, EMAIL) is None
    keep_first_sign_in(tmp_path, EMAIL, "generated")
    assert read_first_password(tmp_path, "boss@localhost") is None


@pytest.mark.parametrize("content", ["", "one line"])
def test_a_file_that_is_cut_off_is_no_password(tmp_path: Path, content: str) -> None:
    keep_first_sign_in(tmp_path, EMAIL, "generated")
    (file,) = tmp_path.iterdir()
    file.write_text(content)
    assert read_first_password(tmp_path, EMAIL) is None


def test_it_is_forgotten_for_its_own_address_only(tmp_path: Path) -> None:
    keep_first_sign_in(tmp_path, EMAIL, "generated")
    forget_first_password(tmp_path, "boss@localhost")
    assert read_first_password(tmp_path, EMAIL) == "generated"
    for _ in range(2):
        forget_first_password(tmp_path, EMAIL)
    assert list(tmp_path.iterdir()) == []
