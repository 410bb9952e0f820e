"""Smaller pictures made from an upload: where they lie and how large they are.

They are made in the inference process, from the same decode that inference uses; see autotag.tagging.
"""

THUMBNAIL_SIDE = 360
"""Longest side of a thumbnail in pixels: cards are up to 240 CSS pixels wide, sharp at 1.5 times that."""

PREVIEW_SIDE = 1600
"""Longest side of a preview in pixels; a smaller original keeps its size."""


def thumbnail_key(sha256: str) -> str:
    """Return the storage key of the thumbnail of a content hash."""
    return f"renditions/{sha256[:2]}/{sha256}-thumbnail.jpg"


def preview_key(sha256: str) -> str:
    """Return the storage key of the preview of a content hash."""
    return f"renditions/{sha256[:2]}/{sha256}-preview.jpg"
