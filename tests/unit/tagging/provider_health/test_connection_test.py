"""What a trial sends is a picture that every service takes."""

from pathlib import Path

import pytest
from PIL import Image

from autotag.providers.base import ProviderError
from autotag.tagging.provider_health.connection_test import PICTURE, PICTURE_SIZE, BuiltInPicture, Trial, _ask


def test_the_picture_is_what_it_says() -> None:
    picture = BuiltInPicture()
    assert picture.jpeg(1600) == PICTURE.read_bytes()
    assert picture.jpeg(1600).startswith(b"\xff\xd8\xff")
    with Image.open(PICTURE) as image:
        assert (image.format, image.size) == ("JPEG", PICTURE_SIZE)
    assert picture.size == PICTURE_SIZE


def test_there_is_no_model_to_run() -> None:
    with pytest.raises(ProviderError, match="runs on this machine"):
        BuiltInPicture().classify(Path("model"))


def test_an_error_of_the_provider_itself_is_a_reason() -> None:
    """A package of somebody else may raise anything."""

    class Odd:
        def tag(self, _image: BuiltInPicture) -> None:
            raise KeyError("region")

    assert _ask(Odd()) == Trial(  # type: ignore[arg-type]
        reason="The provider stopped with an error of its own (KeyError). The log says more."
    )
