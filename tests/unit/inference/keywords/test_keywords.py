"""Keywords written here are read by exiftool, keywords written by exiftool are read here, and pixels never change."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autotag.inference.errors import KeywordsUnwritable
from autotag.inference.keywords import keywords_in, read_keywords, write_keywords
from autotag.inference.keywords.blocks import Blocks
from autotag.inference.keywords.iptc import with_keywords
from autotag.inference.keywords.xmp import with_subjects
from tests.unit.inference.keywords.conftest import KINDS, ExifTool, pixels

KEYWORDS = ["Grüße", "freight car", "日本", "red, white", "<&>\"'", "x" * 75]
HAVE_IPTC = ("jpeg", "tiff", "tiff-lzw")
Draw = Callable[..., Path]


def as_list(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


@pytest.mark.parametrize("kind", KINDS)
def test_exiftool_reads_what_is_written_and_the_pixels_are_the_same(
    kind: str, draw: Draw, exiftool: ExifTool, tmp_path: Path
) -> None:
    path, copy = draw(kind), tmp_path / f"copy{draw(kind).suffix}"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    write_keywords(path, copy, KEYWORDS)
    told = exiftool(copy)
    assert as_list(told["XMP-dc:Subject"]) == KEYWORDS
    if kind in HAVE_IPTC:
        assert as_list(told["IPTC:Keywords"]) == [*KEYWORDS[:-1], "x" * 64]
        assert told["IPTC:CodedCharacterSet"] == "UTF8"
    if not kind.startswith("tiff"):
        assert told["ExifTool:Validate"] == "OK"
    assert pixels(copy) == pixels(path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert list(read_keywords(copy)) == KEYWORDS


@pytest.mark.parametrize("kind", KINDS)
def test_what_exiftool_wrote_is_read_and_all_else_is_kept(
    kind: str, draw: Draw, exiftool: ExifTool, tmp_path: Path
) -> None:
    path, copy = draw(kind), tmp_path / f"copy{draw(kind).suffix}"
    subjects = [f"-XMP-dc:Subject={keyword}" for keyword in ("Grün", "red, white")]
    more = ["-XMP-dc:Creator=Eva", "-XMP-xmp:Rating=4", "-EXIF:Artist=Me", "-XMP-dc:Title=A < B"]
    exiftool(path, *subjects, *more)
    assert read_keywords(path) == ("Grün", "red, white")
    write_keywords(path, copy, ["one"])
    told = exiftool(copy)
    assert as_list(told["XMP-dc:Subject"]) == ["one"]
    assert told["XMP-dc:Creator"] == ["Eva"]
    assert told["XMP-dc:Title"] == "A < B"
    assert (told["XMP-xmp:Rating"], told["IFD0:Artist"]) == (4, "Me")
    assert pixels(copy) == pixels(path)


@pytest.mark.parametrize("kind", HAVE_IPTC)
@pytest.mark.parametrize("charset", ["latin", "utf8"])
def test_iptc_of_exiftool_is_read_and_the_rest_of_it_kept(
    kind: str, charset: str, draw: Draw, exiftool: ExifTool, tmp_path: Path
) -> None:
    path, copy = draw(kind), tmp_path / f"copy{draw(kind).suffix}"
    marked = ["-IPTC:CodedCharacterSet=UTF8"] if charset == "utf8" else []
    exiftool(path, *marked, "-IPTC:Keywords=Grün", "-IPTC:Keywords=red, white", "-IPTC:City=Zürich")
    assert read_keywords(path) == ("Grün", "red, white")
    write_keywords(path, copy, ["日本"])
    told = exiftool(copy)
    assert (told["IPTC:Keywords"], told["IPTC:City"]) == ("日本", "Zürich")
    assert "ExifTool:Warning" not in told or kind != "jpeg"


@pytest.mark.parametrize("kind", KINDS)
def test_with_no_keyword_left_none_is_in_the_copy(
    kind: str, draw: Draw, exiftool: ExifTool, tmp_path: Path
) -> None:
    path, copy = draw(kind), tmp_path / f"copy{draw(kind).suffix}"
    exiftool(path, "-XMP-dc:Subject=one", *(["-IPTC:Keywords=one"] if kind in HAVE_IPTC else []))
    write_keywords(path, copy, [])
    told = exiftool(copy)
    assert not {"XMP-dc:Subject", "IPTC:Keywords"} & set(told)
    assert pixels(copy) == pixels(path)


def test_a_shortened_keyword_of_iptc_is_not_one_more() -> None:
    long = "ä" * 60
    blocks = Blocks(with_subjects(None, [long, "cat"]), with_keywords(None, [long, "cat", "dog"]))
    assert keywords_in(blocks) == (long, "cat", "dog")


def test_keywords_are_cleaned_and_bounded() -> None:
    packet = with_subjects(None, [" a\tb\u202e ", "", "c" * 900, *map(str, range(300))])
    found = keywords_in(Blocks(packet))
    assert found[:2] == ("a b", "c" * 255)
    assert len(found) == 200


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"BM", b"%PDF-1.7", b"\xff\xd8\xff", b"II*\x00"])
def test_other_files_have_none_and_take_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert read_keywords(path) == ()
    with pytest.raises(KeywordsUnwritable):
        write_keywords(path, tmp_path / "copy", ["one"])
    assert read_keywords(tmp_path / "missing") == ()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_raises_nothing_else(
    kind: str, draw: Draw, tmp_path: Path, data: st.DataObject
) -> None:
    whole = tmp_path / "whole"
    if not whole.exists():
        write_keywords(draw(kind), whole, KEYWORDS)
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(0, min(len(content) - 1, 3000)))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    path = tmp_path / "damaged"
    path.write_bytes(content)
    assert all(isinstance(keyword, str) for keyword in read_keywords(path))
    with suppress(KeywordsUnwritable):
        write_keywords(path, tmp_path / "copy", ["one"])
        assert "one" in read_keywords(tmp_path / "copy")
