"""Secrets decrypt where they were stored, with a key that is known, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis.strategies import text

from autotag.configuration.secret_box import SecretBox, SecretUnreadable

PLACE = "google-cloud-vision/api_key/instance/7"


def test_a_secret_comes_back() -> None:
    box = SecretBox(["key"])
    assert box.open(box.seal("sesame", PLACE), PLACE) == "sesame"


def test_what_is_stored_does_not_show_the_secret_and_differs_each_time() -> None:
    box = SecretBox(["key"])
    first, second = box.seal("sesame", PLACE), box.seal("sesame", PLACE)
    assert "sesame" not in first
    assert first != second


def test_a_copy_in_another_instance_does_not_decrypt() -> None:
    box = SecretBox(["key"])
    with pytest.raises(SecretUnreadable):
        box.open(box.seal("sesame", PLACE), "google-cloud-vision/api_key/instance/8")


def test_a_changed_text_does_not_decrypt() -> None:
    box = SecretBox(["key"])
    sealed = box.seal("sesame", PLACE)
    with pytest.raises(SecretUnreadable):
        box.open(sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:], PLACE)


def test_an_earlier_key_still_decrypts_and_the_current_one_encrypts() -> None:
    earlier = SecretBox(["old"])
    sealed = earlier.seal("sesame", PLACE)
    box = SecretBox(["new", "old"])
    assert box.open(sealed, PLACE) == "sesame"
    assert not box.is_current(sealed)
    assert box.is_current(box.seal("sesame", PLACE))


def test_without_its_key_a_secret_is_unreadable() -> None:
    with pytest.raises(SecretUnreadable, match="The stored key cannot be read; enter it again") as caught:
        SecretBox(["new"]).open(SecretBox(["old"]).seal("sesame", PLACE), PLACE)
    assert "not among" in caught.value.detail


@given(text())
def test_whatever_is_stored_is_read_or_refused_and_never_an_error_of_another_kind(stored: str) -> None:
    box = SecretBox(["key"])
    name = box.seal("sesame", PLACE).partition(":")[0]
    for damaged in (stored, f"{name}:{stored}"):
        assert not box.can_open(damaged, PLACE)
