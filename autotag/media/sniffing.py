"""What a file is, from its content: the name is only a hint, the browser's word is not even that."""

import codecs
import unicodedata
from pathlib import PurePath

import filetype

# `filetype` reads at most this much of a file's beginning.
SNIFFED_BYTES = 8192

IMAGE_TYPES = frozenset(
    {"image/jpeg", "image/png", "image/bmp", "image/gif", "image/webp", "image/tiff"},
)
"""Types that the TensorFlow provider tags and that get a thumbnail and a preview."""

INLINE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp"})
"""Types a browser may show as they are: pictures that cannot carry script."""

_IMAGE_EXTENSIONS = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
}
_DECODER = codecs.getincrementaldecoder("utf-8")
_ALIASES = {"image/x-ms-bmp": "image/bmp"}


def sniff(head: bytes) -> str:
    """Return the media type of a file from its first bytes (up to SNIFFED_BYTES).

    Known binary types are told by their signatures. Of the rest, what reads as UTF-8 without control
    characters is `text/plain`, and everything else `application/octet-stream`.
    """
    kind = filetype.guess(head)
    if kind is not None:
        mime: str = _ALIASES.get(kind.mime, kind.mime)
        # The signatures of BMP and GIF are letters with which words begin as well; no image is all text.
        return "text/plain" if mime in IMAGE_TYPES and _is_text(head) else mime
    return "text/plain" if _is_text(head) else "application/octet-stream"


def claims_to_be_image(file_name: str) -> bool:
    """Whether a file's name says that it is an image of a type that is tagged."""
    return PurePath(file_name).suffix.lower() in _IMAGE_EXTENSIONS


def _is_text(head: bytes) -> bool:
    try:
        # The sniffed beginning may end within a character.
        text = _DECODER().decode(head, final=len(head) < SNIFFED_BYTES)
    except UnicodeDecodeError:
        return False
    return bool(text) and all(
        character in "\t\n\r\f" or unicodedata.category(character) != "Cc" for character in text
    )
