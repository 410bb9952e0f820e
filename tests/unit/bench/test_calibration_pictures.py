"""The pictures of the calibration: found in packages, with words that the vocabulary has."""

from collections.abc import Callable
from types import ModuleType

import pytest

from autotag.tagging.vocabulary.builtin import builtin_vocabulary


@pytest.fixture
def calibration_pictures(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("calibration_pictures")


def test_pictures_inside_a_resource_file_are_found_by_the_length_before_them(
    calibration_pictures: ModuleType,
) -> None:
    webp, jpeg = b"RIFF\x0c\0\0\0WEBPVP8 data", b"\xff\xd8\xff\xe0 picture"
    data = b"qres" + len(webp).to_bytes(4, "big") + webp + b"??" + len(jpeg).to_bytes(4, "big") + jpeg
    assert list(calibration_pictures.pictures_in_resources(data)) == [webp, jpeg]
    assert list(calibration_pictures.pictures_in_resources(data[:-3])) == [webp]


def test_all_true_words_are_in_the_vocabulary(calibration_pictures: ModuleType) -> None:
    words = {word for some in calibration_pictures.wanted().values() for word in some}
    assert words <= builtin_vocabulary().words.keys()
    assert len(calibration_pictures.wanted()) > 400
