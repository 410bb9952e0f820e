import time
import tracemalloc
from importlib.resources import files

import pytest

from autotag.instances import weak_passwords
from autotag.instances.weak_passwords import is_common, is_mostly

LISTED = files("autotag.instances").joinpath("common_passwords.txt").read_text().split()


def test_ten_thousand_passwords_are_listed_once_each_and_their_licence_is_there() -> None:
    assert len(LISTED) == len(set(LISTED)) == 10_000
    assert all(word == word.casefold() and word.isascii() for word in LISTED)
    assert "MIT License" in files("autotag.instances").joinpath("common_passwords.LICENSE").read_text()


def test_every_listed_password_is_common_whatever_its_case() -> None:
    for word in LISTED[::50]:
        assert is_common(word)
        assert is_common(word.upper())


@pytest.mark.parametrize(
    "password", ["dragon2024", "!!dragon!!", "DragonDragon", "zzzzzzzzzzzz", "121212121212"]
)
def test_a_common_password_stays_one_with_a_few_signs_or_twice(password: str) -> None:
    assert is_common(password)


@pytest.mark.parametrize("password", ["correct horse", "dragon hunts 2 mice", "8Zq-vvRt_02k", "dragon2024x"])
def test_other_passwords_are_not_common(password: str) -> None:
    assert not is_common(password)


def test_short_parts_of_an_address_do_not_count() -> None:
    assert not is_mostly("jo-chases-butterflies", ("jo@a.test",))
    assert not is_mostly("anna rides horses", ("ann@example.test",))


@pytest.mark.parametrize("check", [is_common, lambda text: is_mostly(text, ("a@b.test", "aaa"))])
def test_the_time_grows_with_the_length_alone(check: object) -> None:
    """Passwords have at most 256 characters; far longer ones show what a pattern costs."""
    for letter in "a1!":
        began = time.process_time()
        check(letter * 20_000 + "b")  # type: ignore[operator]
        assert time.process_time() - began < 1


def test_the_list_is_not_kept_in_memory() -> None:
    is_common("correct horse")
    tracemalloc.start()
    is_common("another horse")
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert left < 20_000
    assert weak_passwords.PRODUCT == "autotag"
