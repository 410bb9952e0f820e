import re
import time
import unicodedata
from pathlib import Path
from typing import Literal

import pytest

import autotag
from autotag.models.names import KEY_LENGTH, MOST_MARKS, fold, normalize, sort_key


@pytest.mark.parametrize(
    ("one", "other"),
    [("Cat", "cAT"), ("Straße", "STRASSE"), ("caf\u00e9", "CAFE\u0301"), ("ΣΟΦΟΣ", "σοφος")],
)
def test_names_that_differ_only_in_case_are_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("cat", "cats"), ("café", "cafe"), ("a b", "ab")])
def test_other_names_are_not(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_what_is_ordered_by_has_a_limit_however_much_folding_lengthens() -> None:
    assert sort_key("ß" * 255) == "s" * KEY_LENGTH


MARKS = [
    "\u0301",
    "\u0323\u0301",
    "\u0301\u0323",
    # Marks of the class 0 that become two of other classes, and letters that become marks.
    "\u0f73",
    "\u0f81\u0344",
    "\uff9e",
    "\uff9e\u3099\u0301",
]


@pytest.mark.parametrize("marks", MARKS)
@pytest.mark.parametrize("form", ["NFC", "NFKD"])
def test_marks_without_end_take_time_in_proportion(marks: str, form: Literal["NFC", "NFKD"]) -> None:
    text = "a" + marks * (200_000 // len(marks))
    began = time.thread_time()
    assert len(normalize(text, form)) <= 3 * MOST_MARKS + 1
    fold(text)
    assert time.thread_time() - began < 0.5


@pytest.mark.parametrize(
    "text",
    [
        "Việt Nam, Ελλάδα, हिन्दी, ไทย, עִבְרִית, 한국어, ｶﾞ, ﬁ",
        "S" + "\u0301" * MOST_MARKS,
        ("S" + "\u0323\u0307" * (MOST_MARKS // 2)) * 500,
        "\u0041\u030a" * 500,
        "x" * 1000 + "\u0344" * 14,
    ],
)
@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKD"])
def test_texts_of_all_languages_are_normalised_as_unicode_says(text: str, form: str) -> None:
    written = unicodedata.normalize(form, text)  # type: ignore[arg-type]
    assert normalize(written) == unicodedata.normalize("NFC", written)
    assert normalize(written, "NFKD") == unicodedata.normalize("NFKD", text)


def test_marks_are_counted_for_each_letter() -> None:
    assert normalize("a" + "\u0316" * 40 + "b" + "\u0316" * 40) == "a" + "\u0316" * 30 + "b" + "\u0316" * 30


def test_nothing_else_normalises() -> None:
    package = Path(autotag.__file__).parent
    others = [
        path.name
        for path in package.rglob("*.py")
        if "migrations" not in path.parts
        and re.search(r"unicodedata\.normalize\(|import unicodedata as|from unicodedata", path.read_text())
    ]
    assert others == ["names.py"]
