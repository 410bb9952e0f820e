"""Embedded metadata gives what people would otherwise have to type."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from autotag.inference.errors import ModelRejected
from autotag.inference.models.metadata import EmbeddedMetadata, read_label_file, read_metadata

Write = Callable[..., Path]


def test_all_that_matters_is_read(write_metadata: Callable[..., bytes]) -> None:
    content = write_metadata(
        title="Birds",
        licence="Apache-2.0\nand the whole text",
        mean=(127.5,),
        deviation=(1.0, 2.0, 4.0),
        label_file="labels.txt",
    )

    assert read_metadata(content) == EmbeddedMetadata(
        "Birds", "Apache-2.0", (127.5,), (1.0, 2.0, 4.0), "labels.txt"
    )


def test_what_is_not_said_is_empty(write_metadata: Callable[..., bytes]) -> None:
    assert read_metadata(write_metadata()) == EmbeddedMetadata()


@pytest.mark.parametrize("content", [None, b"", b"\x08\0\0\0M999" + bytes(20), b"\xff\xff\xff\xffM001"])
def test_metadata_that_cannot_be_read_says_nothing(content: bytes | None) -> None:
    assert read_metadata(content) == EmbeddedMetadata()


def test_a_label_file_lies_behind_the_model(write_classifier: Write) -> None:
    model = write_classifier(files={"labels.txt": b"a\nb\n", "../evil.txt": b"no"})

    assert read_label_file(model, "labels.txt") == b"a\nb\n"


def test_a_label_file_that_is_not_there_is_named(write_classifier: Write) -> None:
    with pytest.raises(ModelRejected, match=r"names the label file 'labels\.txt' but does not hold it"):
        read_label_file(write_classifier(files={"other.txt": b"a"}), "labels.txt")
    with pytest.raises(ModelRejected, match="does not hold it"):
        read_label_file(write_classifier(), "labels.txt")


def test_a_label_file_that_is_a_bomb_is_refused(write_classifier: Write) -> None:
    with pytest.raises(ModelRejected, match="unreasonably large") as refusal:
        read_label_file(write_classifier(files={"labels.txt": bytes(10_000_001)}), "labels.txt")
    assert refusal.value.code == "labels_invalid"


def test_a_damaged_label_file_is_refused(write_classifier: Write) -> None:
    model = write_classifier(files={"labels.txt": b"a\nb\n"})
    # The archive's checksum of the file, in the central directory.
    content = model.read_bytes()
    checksum = content.rindex(b"PK\x01\x02") + 16
    model.write_bytes(content[:checksum] + struct.pack("<I", 1) + content[checksum + 4 :])

    with pytest.raises(ModelRejected, match="does not hold it"):
        read_label_file(model, "labels.txt")
