"""The built-in vocabulary, read from the tables beside this module when it is first used."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from autotag.tagging.vocabulary.table import (
    ClassRow,
    WordRow,
    build_vocabulary,
    read_class_rows,
    read_word_rows,
)
from autotag.tagging.vocabulary.words import Vocabulary

WORD_TABLE, CLASS_TABLE = "words.csv", "classes.csv"
IMAGENET_CLASSES = tuple(map(str, range(1000)))
"""The classes of the default model, by number."""
DETECTIONS = ("face", "faces", "large face")
"""What the face detector says besides: a face, two or more faces, one face that fills much of the picture."""


def builtin_rows() -> tuple[list[WordRow], list[ClassRow]]:
    """Return the lines of the two built-in tables."""
    folder = files(__package__)
    words = (folder / WORD_TABLE).read_text(encoding="utf-8").splitlines()
    classes = (folder / CLASS_TABLE).read_text(encoding="utf-8").splitlines()
    return read_word_rows(words), read_class_rows(classes)


@cache
def builtin_vocabulary() -> Vocabulary:
    """Return the built-in vocabulary. A test holds its tables free of faults."""
    return build_vocabulary(*builtin_rows())
