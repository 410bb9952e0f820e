import io

import pytest
from PIL import Image

from autotag.inference.keywords import tiff
from autotag.inference.keywords.blocks import Blocks

BLOCKS = Blocks(b"<x/>--", b"\x1c\x02\x19\x00\x01a")


@pytest.mark.parametrize("order", ["II", "MM"])
def test_both_byte_orders_are_written(order: str) -> None:
    source = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(source, "TIFF", tiffinfo={270: "a description"}, big_tiff=False)
    if order == "MM":
        source = io.BytesIO(big_endian())
    target = io.BytesIO()
    tiff.write(source, target, BLOCKS)
    assert target.getvalue()[:2] == order.encode()
    assert tiff.read(target) == BLOCKS
    again = io.BytesIO()
    tiff.write(target, again, Blocks(b"<other/>", None))
    assert tiff.read(again) == Blocks(b"<other/>", None)
    with Image.open(again) as image:
        assert image.getpixel((0, 0)) == ((255, 0, 0) if order == "II" else 7)


def big_endian() -> bytes:
    """A grey pixel of 7, in the order of Motorola."""
    fields = [(256, 3, 1, 1 << 16), (257, 3, 1, 1 << 16), (258, 3, 1, 8 << 16), (259, 3, 1, 1 << 16)]
    fields += [
        (262, 3, 1, 1 << 16),
        (273, 4, 1, 8),
        (277, 3, 1, 1 << 16),
        (278, 3, 1, 1 << 16),
        (279, 4, 1, 1),
    ]
    directory = len(fields).to_bytes(2)
    for tag, kind, count, value in fields:
        directory += tag.to_bytes(2) + kind.to_bytes(2) + count.to_bytes(4) + value.to_bytes(4)
    return b"MM\x00*" + (10).to_bytes(4) + b"\x07\x00" + directory + bytes(4)


def test_further_pages_stay() -> None:
    source = io.BytesIO()
    pages = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    pages[0].save(source, "TIFF", save_all=True, append_images=pages[1:])
    target = io.BytesIO()
    tiff.write(source, target, BLOCKS)
    with Image.open(target) as image:
        assert image.n_frames == 3  # type: ignore[attr-defined]
        image.seek(2)
        assert image.getpixel((0, 0)) == (0, 0, 255)
