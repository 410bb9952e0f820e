import io
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from autotag.inference.keywords import png
from autotag.inference.keywords.blocks import LARGEST_BLOCK, Blocks, Damaged


def picture(text: PngImagePlugin.PngInfo | None = None) -> io.BytesIO:
    content = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(content, "PNG", pnginfo=text)
    return content


@pytest.mark.parametrize("compressed", [False, True])
def test_a_packet_is_read_as_it_is_and_compressed(compressed: bool) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "<x/>", zip=compressed)
    assert png.read(picture(text)) == Blocks(b"<x/>")


def test_a_packet_that_would_fill_the_memory_is_not_unpacked() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "x" * (LARGEST_BLOCK + 1), zip=True)
    with pytest.raises(Damaged):
        png.read(picture(text))


def test_other_texts_and_what_follows_the_end_are_kept() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_itxt("Comment", "Grüße")
    text.add_itxt("XML:com.adobe.xmp", "<old/>")
    source = io.BytesIO(picture(text).getvalue() + b"behind the end")
    target = io.BytesIO()
    png.write(source, target, Blocks(b"<new/>"))
    content = target.getvalue()
    assert content.endswith(b"behind the end")
    assert "Grüße".encode() in content
    assert b"<old/>" not in content
    assert png.read(target) == Blocks(b"<new/>")
    chunk = content[content.index(b"iTXt") : content.index(b"<new/>") + 6]
    assert struct.pack(">I", zlib.crc32(chunk)) in content
