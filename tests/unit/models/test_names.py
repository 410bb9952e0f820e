import pytest

from autotag.models.names import KEY_LENGTH, fold, sort_key


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
