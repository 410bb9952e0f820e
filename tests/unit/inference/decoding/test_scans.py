from __future__ import annotations

from pathlib import Path

import pytest

from autotag.inference.decoding.scans import MOST_SCANS, has_too_many_scans
from tests.unit.inference.costly_files import filled_up_jpeg, saved, scanned_again, small


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "picture.jpg"


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_progressive_picture_as_programs_write_it_has_few_scans(path: Path, mode: str) -> None:
    path.write_bytes(saved(small(mode), "JPEG", progressive=True, quality=95))

    assert not has_too_many_scans(path)


def test_the_limit_is_exact(path: Path) -> None:
    progressive = saved(small("L"), "JPEG", progressive=True)
    own = progressive.count(b"\xff\xda")
    for more, is_too_many in ((MOST_SCANS - own, False), (MOST_SCANS - own + 1, True)):
        path.write_bytes(scanned_again(small("L"), more, progressive=True))

        assert has_too_many_scans(path) is is_too_many


def test_what_only_looks_like_scans_does_not_count(path: Path) -> None:
    """Thumbnails in segments, films behind the picture, and scans that cost what they weigh."""
    progressive = saved(small("L"), "JPEG", progressive=True)
    segment = b"\xff\xe2\x03\xea" + b"\xff\xda" * 500
    for content in (
        progressive[:2] + segment + progressive[2:] + b"\xff\xda" * 500,
        scanned_again(small("L"), 500),
        saved(small(), "JPEG") + b"\xff\xda" * 500,
    ):
        path.write_bytes(content)

        assert not has_too_many_scans(path)


def test_arithmetic_coding_counts_as_progressive(path: Path) -> None:
    path.write_bytes(scanned_again(small("L"), 500).replace(b"\xff\xc0", b"\xff\xc9"))

    assert has_too_many_scans(path)


def test_padding_and_a_file_that_ends_anywhere_are_read(path: Path) -> None:
    path.write_bytes(filled_up_jpeg(1000))
    assert not has_too_many_scans(path)
    content = scanned_again(small("L"), 300, progressive=True)
    for length in range(2, 400, 7):
        path.write_bytes(content[:length])
        assert not has_too_many_scans(path)
