"""The catalogue's entries are whole."""

from __future__ import annotations

import pytest

from autotag.inference.errors import ModelRejected
from autotag.inference.installing.efficientnet_lite import VARIANTS
from autotag.inference.models.catalogue import (
    CATALOGUE,
    DEFAULT_MODEL,
    KnownModel,
    PackagedWeights,
    PublishedFile,
    known_model,
)


def test_the_default_model_is_known() -> None:
    assert known_model(DEFAULT_MODEL).title == "EfficientNet-Lite0"


def test_an_unknown_name_is_refused_with_those_known() -> None:
    with pytest.raises(ModelRejected, match=r"'nothing'; known are .*efficientnet-lite0") as refusal:
        known_model("nothing")
    assert refusal.value.code == "unknown_model"


@pytest.mark.parametrize("known", CATALOGUE.values(), ids=lambda known: known.name)
def test_an_entry_is_whole(known: KnownModel) -> None:
    assert CATALOGUE[known.name] is known
    # A sound description comes of it: this checks name, sizes, mean and the rest.
    assert known.described("0" * 64, known.size).title == known.title
    assert known.class_count == (1001 if known.has_background_class else 1000)
    assert known.source.startswith(("https://", "the Python package "))


@pytest.mark.parametrize("known", CATALOGUE.values(), ids=lambda known: known.name)
def test_an_entry_agrees_with_its_origin(known: KnownModel) -> None:
    match known.origin:
        case PackagedWeights(variant=variant, package=package):
            assert known.input_width == known.input_height == VARIANTS[variant].input_size
            assert f"_{variant}_" in package
        case PublishedFile(url=url, digest=digest):
            assert url.startswith("https://")
            assert len(digest.value) == (64 if digest.kind == "sha256" else 40)
