"""Files that are not what they seem, or not what a decoder likes: each ends in tags or in one clear reason,
through the page and through `autotag tag` alike, and the next good file is tagged as if nothing had been."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from PIL import ExifTags, Image

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Installation

LOOKED_AT = {"tagged", "no_tags"}
BOMB_SIDE = 20_000


@dataclass(frozen=True, slots=True)
class Case:
    """A file to try. Without codes it is a good one; else the page and the command answer with these."""

    name: str
    make: Callable[[Image.Image], bytes]
    page_code: str = ""
    command_codes: frozenset[str] = frozenset()


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def one_colour_bomb(_: Image.Image) -> bytes:
    """400 million black pixels in a PNG of half a megabyte, made row by row."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(6)
    row = bytes(1 + BOMB_SIDE)
    rows = b"".join(packer.compress(row) for _ in range(BOMB_SIDE)) + packer.flush()
    header = struct.pack(">IIBBBBB", BOMB_SIDE, BOMB_SIDE, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def animated(image: Image.Image) -> bytes:
    frames = [image.rotate(angle) for angle in (90, 180)]
    return saved(image, "GIF", save_all=True, append_images=frames, duration=100)


def transparent(image: Image.Image) -> bytes:
    see_through = image.convert("RGBA")
    see_through.putalpha(Image.linear_gradient("L").resize(image.size))
    return saved(see_through, "PNG")


def sideways(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    return saved(image.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)


def sixteen_bits(image: Image.Image) -> bytes:
    return saved(image.convert("L").convert("I;16").point(lambda value: value * 257), "PNG")


def archive(_: Image.Image) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as zipped:
        zipped.writestr("letter.txt", "Dear all")
    return content.getvalue()


NO_IMAGE = frozenset({"not_an_image", "unsupported_format"})
CASES = (
    Case("text.jpg", lambda _: b"This is a letter, not a picture.\n" * 40, "not_an_image", NO_IMAGE),
    Case(
        "truncated.jpg",
        lambda image: saved(image, "JPEG")[:-9000],
        "truncated_image",
        frozenset({"truncated_image"}),
    ),
    Case("bomb.png", one_colour_bomb, "too_many_pixels", frozenset({"too_many_pixels"})),
    Case("empty.jpg", lambda _: b"", "empty_file", frozenset({"empty_file"})),
    Case("archive.png", archive, "not_an_image", NO_IMAGE),
    Case("page.gif", lambda _: b"<!doctype html><html><p>Hello</p></html>", "not_an_image", NO_IMAGE),
    Case("animated.gif", animated),
    Case("cmyk.jpg", lambda image: saved(image.convert("CMYK"), "JPEG")),
    Case("sixteen-bits.png", sixteen_bits),
    Case("transparent.png", transparent),
    Case("sideways.jpg", sideways),
    Case("photograph.webp", lambda image: saved(image, "WEBP")),
    Case("photograph.bmp", lambda image: saved(image, "BMP")),
    Case("photograph.tiff", lambda image: saved(image, "TIFF")),
)
REFUSED = [case for case in CASES if case.page_code]
GOOD = [case for case in CASES if not case.page_code]


def named(case: Case) -> str:
    return case.name


@pytest.fixture(scope="module")
def picture(make_pictures: Callable[[int], list[bytes]]) -> Image.Image:
    """A picture wider than high, so that a turn shows."""
    images = (Image.open(io.BytesIO(content)).convert("RGB") for content in make_pictures(60))
    return next(image for image in images if image.width > image.height)


@pytest.fixture(scope="module")
def files(picture: Image.Image) -> dict[str, bytes]:
    return {case.name: case.make(picture) for case in CASES}


def assert_next_file_is_tagged(installation: Installation, make: Callable[[int], list[bytes]]) -> None:
    document_id = installation.client().upload("next.jpg", make(1)[0])
    installation.wait_final([document_id])
    assert installation.database.document(document_id)["tagging_state"] in LOOKED_AT


def assert_no_traceback(installation: Installation, *pages: str) -> None:
    for text in (installation.log(), *pages):
        assert "Traceback" not in text


@pytest.mark.parametrize("case", [case for case in REFUSED if case.name != "empty.jpg"], ids=named)
def test_the_page_says_in_one_sentence_why_a_bad_file_has_no_tags(
    case: Case,
    files: dict[str, bytes],
    installation: Installation,
    make_pictures: Callable[[int], list[bytes]],
) -> None:
    client = installation.client()
    document_id = client.upload(case.name, files[case.name])
    installation.wait_final([document_id])
    row = installation.database.document(document_id)
    assert (row["tagging_state"], row["tagging_reason_code"]) == ("failed", case.page_code)
    assert row["tagging_attempts"] == 1
    assert row["tagging_reason"].endswith(".")
    assert len(row["tagging_reason"]) < 150
    page = client.get(f"/documents/{document_id}").text
    assert row["tagging_reason"] in page
    assert client.get(f"/documents/{document_id}/thumbnail").status_code == 404
    assert client.get(f"/documents/{document_id}/content").content == files[case.name]
    assert_next_file_is_tagged(installation, make_pictures)
    assert_no_traceback(installation, page)


def test_an_empty_file_is_refused_at_the_door(
    installation: Installation, make_pictures: Callable[[int], list[bytes]]
) -> None:
    before = installation.database.value("SELECT count(*) FROM document")
    answer = installation.client().send("empty.jpg", b"")
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert (answer.json()["code"], answer.json()["detail"]) == ("empty_file", "The file is empty.")
    assert installation.database.value("SELECT count(*) FROM document") == before
    assert_next_file_is_tagged(installation, make_pictures)
    assert_no_traceback(installation, answer.text)


@pytest.mark.parametrize("case", GOOD, ids=named)
def test_the_page_takes_every_kind_of_good_image(
    case: Case,
    files: dict[str, bytes],
    picture: Image.Image,
    installation: Installation,
    make_pictures: Callable[[int], list[bytes]],
) -> None:
    client = installation.client()
    document_id = client.upload(case.name, files[case.name])
    installation.wait_final([document_id])
    row = installation.database.document(document_id)
    assert row["tagging_state"] in LOOKED_AT, row["tagging_reason"]
    assert (row["width"], row["height"]) == picture.size
    with Image.open(io.BytesIO(client.get(f"/documents/{document_id}/preview").content)) as preview:
        assert (preview.format, preview.mode) == ("JPEG", "RGB")
        assert preview.width > preview.height
    assert_next_file_is_tagged(installation, make_pictures)
    assert_no_traceback(installation, client.get(f"/documents/{document_id}").text)


@pytest.fixture(scope="module")
def answers(
    start_installation: Callable[..., Installation],
    files: dict[str, bytes],
    make_pictures: Callable[[int], list[bytes]],
) -> dict[str, dict[str, Any]]:
    """What `autotag tag` says to each file, with a good file after each, all in one call."""
    installation = start_installation(running=False)
    folder = installation.folder / "files"
    folder.mkdir()
    paths: list[Path] = []
    for number, (name, content) in enumerate(files.items()):
        paths += [folder / name, folder / f"good-{number:02}.jpg"]
        paths[-2].write_bytes(content)
        paths[-1].write_bytes(make_pictures(1)[0])
    done = installation.run("tag", "--json", *(str(path) for path in paths))
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["file"] for line in lines] == [str(path) for path in paths]
    return {path.name: line for path, line in zip(paths, lines, strict=True)}


@pytest.mark.parametrize("case", REFUSED, ids=named)
def test_the_command_says_in_one_sentence_why_a_bad_file_has_no_tags(
    case: Case, answers: dict[str, dict[str, Any]]
) -> None:
    error = answers[case.name]["error"]
    assert error["code"] in case.command_codes
    assert error["message"].endswith(".")
    assert "\n" not in error["message"]


@pytest.mark.parametrize("case", GOOD, ids=named)
def test_the_command_takes_every_kind_of_good_image(
    case: Case, answers: dict[str, dict[str, Any]], picture: Image.Image
) -> None:
    answer = answers[case.name]
    assert (answer["width"], answer["height"]) == picture.size
    assert all(0.1 <= tag["confidence"] <= 1 for tag in answer["tags"])


def test_the_command_tags_every_good_file_between_bad_ones_alike(
    answers: dict[str, dict[str, Any]],
) -> None:
    good = [answer for name, answer in answers.items() if name.startswith("good-")]
    assert len(good) == len(CASES)
    assert all(answer["tags"] == good[0]["tags"] for answer in good)


def test_a_photograph_turned_by_exif_is_tagged_like_the_upright_one(
    answers: dict[str, dict[str, Any]],
) -> None:
    names = {name: {tag["name"] for tag in answers[name].get("tags", [])} for name in answers}
    assert names["sideways.jpg"] == names["photograph.tiff"]
