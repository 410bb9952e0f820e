"""What a camera noted comes out as a few short texts, whatever else a file carries."""

from __future__ import annotations

import io
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from autotag.inference.decoding.decoding import Need, decode
from autotag.inference.decoding.exif import TEXT_LENGTH, camera_facts, clean_text
from autotag.inference.errors import ImageRejected

LABELS = ["Taken", "Camera", "Lens", "Exposure", "Aperture", "ISO", "Focal length", "Flash"]
NOTED: dict[int, Any] = {
    ExifTags.Base.DateTimeOriginal: "2026:05:03 14:05:09",
    ExifTags.Base.LensModel: "35mm F1.4",
    ExifTags.Base.ExposureTime: IFDRational(1, 250),
    ExifTags.Base.FNumber: IFDRational(28, 10),
    ExifTags.Base.ISOSpeedRatings: 400,
    ExifTags.Base.FocalLength: IFDRational(23, 1),
    ExifTags.Base.FocalLengthIn35mmFilm: 35,
    ExifTags.Base.Flash: 1,
}


def exif_of(noted: dict[int, Any], **main: Any) -> Image.Exif:
    exif = Image.Exif()
    for name, value in main.items():
        exif[ExifTags.Base[name]] = value
    exif.get_ifd(ExifTags.IFD.Exif).update(noted)
    return exif


def facts_of(noted: dict[int, Any], **main: Any) -> dict[str, str]:
    """What is read back from a JPEG that carries these values."""
    content = io.BytesIO()
    Image.new("RGB", (8, 8)).save(content, "JPEG", exif=exif_of(noted, **main))
    with Image.open(content) as image:
        return camera_facts(image)


def as_a_camera_writes_it(noted: dict[int, Any], **main: Any) -> Image.Exif:
    """The same, read from a file: Pillow writes a TIFF's inner directory only if it came from one."""
    content = io.BytesIO()
    Image.new("RGB", (8, 8)).save(content, "JPEG", exif=exif_of(noted, **main))
    with Image.open(content) as image:
        return image.getexif()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_photograph_tells_how_it_was_taken(tmp_path: Any, kind: str) -> None:
    path = tmp_path / "photograph"
    exif = as_a_camera_writes_it(NOTED, Make="FUJIFILM", Model="X100V", Orientation=6)
    Image.new("RGB", (40, 20)).save(path, kind, exif=exif)
    decoded = decode(path, Need(), 1_000_000)
    assert list(decoded.exif.items()) == [
        ("Taken", "3 May 2026, 14:05"),
        ("Camera", "FUJIFILM X100V"),
        ("Lens", "35mm F1.4"),
        ("Exposure", "1/250 s"),
        ("Aperture", "f/2.8"),
        ("ISO", "400"),
        ("Focal length", "23 mm (35 mm in 35 mm format)"),
        ("Flash", "Fired"),
    ]
    assert (decoded.width, decoded.height) == (20, 40)


def test_a_picture_without_exif_tells_nothing() -> None:
    assert camera_facts(Image.new("RGB", (8, 8))) == {}


def test_where_it_was_taken_is_never_told() -> None:
    exif = exif_of(NOTED, Make="Canon")
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.0, 30.0, 0.0)})
    exif[ExifTags.Base.Artist] = "Ann Example"
    content = io.BytesIO()
    Image.new("RGB", (8, 8)).save(content, "JPEG", exif=exif)
    with Image.open(content) as image:
        facts = camera_facts(image)
    assert set(facts) <= set(LABELS)
    assert "52" not in str(facts)
    assert "Ann" not in str(facts)


@pytest.mark.parametrize(
    ("noted", "label", "expected"),
    [
        ({ExifTags.Base.ExposureTime: IFDRational(2, 1)}, "Exposure", "2 s"),
        ({ExifTags.Base.ExposureTime: IFDRational(1, 2)}, "Exposure", "0.5 s"),
        ({ExifTags.Base.ExposureTime: IFDRational(1, 0)}, "Exposure", None),
        ({ExifTags.Base.ExposureTime: IFDRational(0, 1)}, "Exposure", None),
        ({ExifTags.Base.FNumber: IFDRational(16, 1)}, "Aperture", "f/16"),
        ({ExifTags.Base.FNumber: IFDRational(4_000_000_000, 1)}, "Aperture", None),
        ({ExifTags.Base.ISOSpeedRatings: (100, 0)}, "ISO", "100"),
        ({ExifTags.Base.ISOSpeedRatings: 0}, "ISO", None),
        ({ExifTags.Base.FocalLength: IFDRational(425, 100)}, "Focal length", "4.2 mm"),
        ({ExifTags.Base.Flash: 16}, "Flash", "Did not fire"),
        ({ExifTags.Base.DateTimeOriginal: "0000:00:00 00:00:00"}, "Taken", None),
        ({ExifTags.Base.DateTimeOriginal: "2026:05:03"}, "Taken", None),
        ({ExifTags.Base.DateTimeOriginal: "0400:05:03 10:00:00"}, "Taken", None),
        ({ExifTags.Base.LensModel: "a\x00\x07b\nc " + "d" * 200}, "Lens", "a b c " + "d" * 94),
    ],
)
def test_odd_values_are_rounded_or_left_out(noted: dict[int, Any], label: str, expected: str | None) -> None:
    assert facts_of(noted).get(label) == expected


def test_a_maker_that_the_model_names_is_not_named_twice() -> None:
    assert facts_of({}, Make="Canon", Model="Canon EOS R5")["Camera"] == "Canon EOS R5"
    assert facts_of({}, Make="Canon")["Camera"] == "Canon"
    assert facts_of({}, Model="EOS")["Camera"] == "EOS"


@given(st.text(max_size=300))
def test_a_text_is_short_and_has_nothing_that_is_not_seen(text: str) -> None:
    cleaned = clean_text(text)
    assert len(cleaned) <= TEXT_LENGTH
    assert cleaned == cleaned.strip()
    assert not any(unicodedata.category(letter).startswith("C") for letter in cleaned)


def is_sound(facts: dict[str, str]) -> bool:
    texts = facts.values()
    return list(facts) == [label for label in LABELS if label in facts] and all(
        0 < len(text) <= TEXT_LENGTH and text.isprintable() for text in texts
    )


JUNK = st.one_of(st.text(max_size=150), st.binary(max_size=150), st.integers(0, 2**32 - 1), st.floats())


@given(
    st.dictionaries(st.sampled_from([*NOTED, 0x010F, 0x0110]), JUNK | st.tuples(JUNK, JUNK) | st.none()),
)
def test_values_of_any_kind_give_sound_facts(values: dict[int, Any]) -> None:
    class Hostile(Image.Image):
        def getexif(self) -> Any:
            exif = Image.Exif()
            exif._ifds[ExifTags.IFD.Exif] = values
            return exif

    assert is_sound(camera_facts(Hostile()))


def whole_jpeg(exif: bytes) -> bytes:
    """A good picture with these bytes as its EXIF segment."""
    content = io.BytesIO()
    Image.new("RGB", (8, 8)).save(content, "JPEG", exif=b"Exif\x00\x00" + exif)
    return content.getvalue()


SOUND_EXIF = exif_of(NOTED, Make="Canon", Model="EOS").tobytes().removeprefix(b"Exif\x00\x00")


@given(data=st.data())
def test_damaged_exif_makes_no_good_picture_a_bad_one(data: st.DataObject, tmp_path_factory: Any) -> None:
    damaged = bytearray(SOUND_EXIF)
    for _ in range(data.draw(st.integers(1, 12))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    path = tmp_path_factory.getbasetemp() / "damaged.jpg"
    path.write_bytes(whole_jpeg(bytes(damaged[:cut]) if data.draw(st.booleans()) else bytes(damaged)))
    decoded = decode(path, Need(), 1_000_000)
    assert {decoded.width, decoded.height} == {8}
    assert is_sound(decoded.exif)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_as_exif_are_survived(noise: bytes) -> None:
    with Image.open(io.BytesIO(whole_jpeg(noise))) as image:
        assert is_sound(camera_facts(image))


@given(data=st.data())
def test_a_damaged_tiff_is_read_or_refused_and_nothing_else(
    data: st.DataObject, tmp_path_factory: Any
) -> None:
    content = io.BytesIO()
    Image.new("RGB", (8, 8)).save(content, "TIFF", exif=as_a_camera_writes_it(NOTED, Make="Canon"))
    damaged = bytearray(content.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(8, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.tiff"
    path.write_bytes(damaged)
    try:
        decoded = decode(path, Need(), 1_000_000)
    except ImageRejected:
        return
    assert is_sound(decoded.exif)
