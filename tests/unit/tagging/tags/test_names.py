import pytest

from autotag.tagging.policy import FORBIDDEN_CHARACTERS, NAME_LENGTH
from autotag.tagging.tags.names import TaggingRefused, clean_name, clean_names


@pytest.mark.parametrize(
    ("typed", "kept"),
    [(" freight   car ", "freight car"), ("cafe\u0301", "caf\u00e9"), ("x" * NAME_LENGTH, "x" * NAME_LENGTH)],
)
def test_a_name_is_kept_without_needless_spaces_and_composed(typed: str, kept: str) -> None:
    assert clean_name(typed) == kept


@pytest.mark.parametrize("letter", sorted(FORBIDDEN_CHARACTERS))
def test_a_forbidden_character_is_named(letter: str) -> None:
    with pytest.raises(TaggingRefused) as refused:
        clean_name(f"a{letter}b")
    assert refused.value.code == "tag_name"
    assert letter in refused.value.message


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "Enter a name"),
        ("  ", "Enter a name"),
        ("x" * (NAME_LENGTH + 1), f"this one has {NAME_LENGTH + 1}"),
        ("a\u0007b", "control characters"),
    ],
)
def test_what_can_be_no_tag_is_refused_with_the_reason(typed: str, words: str) -> None:
    with pytest.raises(TaggingRefused, match=words):
        clean_name(typed)


def test_names_count_once_whatever_their_case() -> None:
    assert clean_names(["Cat", "cat", "dog"]) == ["cat", "dog"]
