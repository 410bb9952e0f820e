"""Every file is either an upright RGB picture or a clear refusal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from autotag.inference.decoding import decoding
from autotag.inference.decoding.decoding import Decoded, Need, decode
from autotag.inference.errors import ImageRejected

Save = Callable[..., Path]
LIMIT = 75_000_000
FULL = Need(10_000, 10_000)
RED, LIME, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
# The colours at top left, top right, bottom left, bottom right once the stored picture is turned upright.
UPRIGHT = {
    1: (RED, LIME, BLUE, WHITE),
    2: (LIME, RED, WHITE, BLUE),
    3: (WHITE, BLUE, LIME, RED),
    4: (BLUE, WHITE, RED, LIME),
    5: (RED, BLUE, LIME, WHITE),
    6: (BLUE, RED, WHITE, LIME),
    7: (WHITE, LIME, BLUE, RED),
    8: (LIME, WHITE, RED, BLUE),
}


def refusal(path: Path, maximum_pixels: int = LIMIT) -> ImageRejected:
    with pytest.raises(ImageRejected) as caught:
        decode(path, FULL, maximum_pixels)
    return caught.value


def corner_colours(decoded: Decoded) -> list[Any]:
    right, bottom = decoded.image.width - 3, decoded.image.height - 3
    return [decoded.image.getpixel(place) for place in ((2, 2), (right, 2), (2, bottom), (right, bottom))]


@pytest.mark.parametrize(
    ("kind", "mime_type"),
    [
        ("JPEG", "image/jpeg"),
        ("MPO", "image/jpeg"),
        ("PNG", "image/png"),
        ("BMP", "image/bmp"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("TIFF", "image/tiff"),
    ],
)
def test_each_supported_format_is_decoded(
    save: Save, corners: Image.Image, kind: str, mime_type: str
) -> None:
    decoded = decode(save(corners, kind), FULL, LIMIT)

    assert (decoded.width, decoded.height, decoded.mime_type) == (400, 240, mime_type)
    for colour, expected in zip(corner_colours(decoded), UPRIGHT[1], strict=True):
        assert colour == pytest.approx(expected, abs=8)


@pytest.mark.parametrize("need", [FULL, Need(16, 1)], ids=["full", "reduced"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_picture_is_turned_upright(
    save: Save, corners: Image.Image, kind: str, orientation: int, need: Need
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = save(corners, kind, exif=exif)

    decoded = decode(path, need, LIMIT)

    assert (decoded.width, decoded.height) == ((400, 240) if orientation <= 4 else (240, 400))
    assert (decoded.image.width > decoded.image.height) == (orientation <= 4)
    for colour, expected in zip(corner_colours(decoded), UPRIGHT[orientation], strict=True):
        assert colour == pytest.approx(expected, abs=8)


def test_a_jpeg_is_decoded_no_larger_than_needed(save: Save) -> None:
    path = save(Image.new("RGB", (1600, 1200)), "JPEG")

    assert decode(path, Need(400, 256), LIMIT).image.size == (400, 300)
    assert decode(path, Need(400, 301), LIMIT).image.size == (800, 600)
    assert decode(path, Need(801, 256), LIMIT).image.size == (1600, 1200)


def test_a_png_is_reduced_to_twice_the_need(save: Save) -> None:
    path = save(Image.new("RGB", (1600, 1200)), "PNG")

    decoded = decode(path, Need(200, 100), LIMIT)

    assert decoded.image.size == (400, 300)
    assert (decoded.width, decoded.height) == (1600, 1200)


@pytest.mark.parametrize("content", [b"just some text\n", b"\x00" * 100, b"{}"])
def test_text_called_jpg_is_not_an_image(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(content)

    error = refusal(path)

    assert (error.code, error.message) == ("not_an_image", "The file is not an image.")


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.touch()

    assert refusal(path).code == "empty_file"


@pytest.mark.parametrize("name", ["absent.jpg", "."])
def test_a_file_that_cannot_be_opened_is_missing(tmp_path: Path, name: str) -> None:
    error = refusal(tmp_path / name)

    assert error.code == "missing_file"
    assert str(tmp_path) not in error.message


@pytest.mark.parametrize("kind", ["EPS", "ICO", "PPM", "JPEG2000", "DDS"])
def test_an_image_of_another_format_is_unsupported(save: Save, corners: Image.Image, kind: str) -> None:
    error = refusal(save(corners, kind))

    assert error.code == "unsupported_format"
    assert "use JPEG, PNG, BMP, GIF, WebP or TIFF" in error.message


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF"])
def test_half_a_file_is_truncated(save: Save, kind: str) -> None:
    noise = np.random.default_rng(5).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    path = save(Image.fromarray(noise), kind)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    error = refusal(path)

    assert error.code == "truncated_image"
    assert error.detail is not None


def test_a_damaged_header_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(b"\xff\xd8\xff" + b"\x00" * 50)

    error = refusal(path)

    assert error.code == "unreadable_image"
    assert "JPEG" in error.message


def test_a_huge_picture_is_refused_by_its_header(write_png: Callable[..., Path]) -> None:
    error = refusal(write_png(20_000, 20_000))

    assert error.code == "too_many_pixels"
    assert error.message == "The image has 400 megapixels; the limit is 75."


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "JPEG"])
def test_the_pixel_limit_is_exact(save: Save, kind: str) -> None:
    path = save(Image.new("RGB", (100, 100)), kind)

    assert decode(path, FULL, 10_000).width == 100
    assert refusal(path, 9_999).code == "too_many_pixels"
    assert refusal(path, 9_999).message == "The image has 0.01 megapixels; the limit is 0.009999."


def test_a_refusal_never_reads_like_the_limit_itself(write_png: Callable[..., Path]) -> None:
    error = refusal(write_png(2001, 1000), 2_000_000)

    assert error.message == "The image has 2.1 megapixels; the limit is 2."


def test_a_limit_above_pillows_own_is_honoured(monkeypatch: pytest.MonkeyPatch, save: Save) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)

    assert decode(save(Image.new("RGB", (100, 100)), "PNG"), FULL, 20_000).width == 100
    assert Image.MAX_IMAGE_PIXELS == 100


def test_a_picture_without_pixels_is_too_small(write_png: Callable[..., Path]) -> None:
    error = refusal(write_png(0, 5))

    assert (error.code, error.message) == ("image_too_small", "The image has no pixels.")


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation_counts(save: Save, kind: str) -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in (RED, LIME, BLUE)]
    path = save(frames[0], kind, save_all=True, append_images=frames[1:])

    assert decode(path, FULL, LIMIT).image.getpixel((5, 5)) == pytest.approx(RED, abs=4)


@pytest.mark.parametrize(
    ("mode", "value", "kind"),
    [
        ("CMYK", (0, 255, 255, 0), "JPEG"),
        ("CMYK", (0, 255, 255, 0), "TIFF"),
        ("RGBA", (255, 0, 0, 255), "PNG"),
    ],
)
def test_other_colour_spaces_become_rgb(save: Save, mode: str, value: Any, kind: str) -> None:
    path = save(Image.new(mode, (16, 16), value), kind)

    assert decode(path, FULL, LIMIT).image.getpixel((8, 8)) == pytest.approx(RED, abs=4)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled(save: Save, kind: str) -> None:
    image = Image.fromarray(np.full((4, 4), 32768, np.uint16))

    assert decode(save(image, kind), FULL, LIMIT).image.getpixel((0, 0)) == (128, 128, 128)


def test_sixteen_bit_colour_is_scaled(write_png: Callable[..., Path]) -> None:
    row = np.array([[65535, 32768, 0]] * 4, ">u2").tobytes()
    path = write_png(4, 4, bits=16, colour_type=2, row=row)

    assert decode(path, FULL, LIMIT).image.getpixel((0, 0)) == (255, 128, 0)


def test_transparency_is_shown_on_white(save: Save) -> None:
    path = save(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "PNG")

    assert decode(path, FULL, LIMIT).image.getpixel((0, 0)) == WHITE


def test_nothing_but_pixels_is_kept(save: Save, corners: Image.Image) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "secret"
    path = save(corners, "JPEG", exif=exif, comment=b"secret", icc_profile=b"profile", dpi=(300, 300))

    assert decode(path, FULL, LIMIT).image.info == {}


def test_damaged_exif_makes_no_good_picture_bad(save: Save, corners: Image.Image) -> None:
    path = save(corners, "JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00\xff\xff")

    assert decode(path, FULL, LIMIT).image.size == (400, 240)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (MemoryError(), "more memory"),
        (ValueError("odd"), "ValueError"),
        (SyntaxError("odd"), "SyntaxError"),
        (IndexError("odd"), "IndexError"),
    ],
)
def test_whatever_the_decoder_raises_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, save: Save, corners: Image.Image, fault: Exception, words: str
) -> None:
    def fail(*_: Any) -> Image.Image:
        raise fault

    monkeypatch.setattr(decoding, "to_rgb", fail)

    error = refusal(save(corners, "PNG"))

    assert (error.code, error.detail) == ("unreadable_image", type(fault).__name__)
    assert words in error.message
