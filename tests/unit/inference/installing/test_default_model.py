"""The model that is built is the right one, with the right names."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from autotag.inference.errors import ModelRejected
from autotag.inference.installing.default_model import build_model, verification_picture, verify
from autotag.inference.installing.store import ModelStore
from autotag.inference.models.catalogue import known_model
from autotag.inference.process.classifier import Classifier

DEFAULT = "efficientnet-lite0"


@pytest.fixture(scope="module")
def classifier(models: ModelStore) -> Classifier:
    return Classifier(models.path(DEFAULT))


def test_the_three_outputs_have_their_shapes_and_agree(classifier: Classifier) -> None:
    classifier.classify(verification_picture(), top=1)

    probabilities, embedding, feature_map = classifier.outputs()

    assert (probabilities.shape, embedding.shape, feature_map.shape) == (
        (1, 1000),
        (1, 1280),
        (1, 7, 7, 1280),
    )
    assert probabilities.sum() == pytest.approx(1, abs=1e-4)
    assert embedding == pytest.approx(feature_map.mean(axis=(1, 2)), abs=1e-4)


def test_a_drawn_clock_is_known(classifier: Classifier) -> None:
    best = classifier.classify(verification_picture(), top=1)[0]

    assert best.name == "analog clock"
    assert best.confidence > 0.6


def test_labels_that_are_off_by_one_do_not_pass(models: ModelStore) -> None:
    classifier = Classifier(models.path(DEFAULT))
    classifier.labels = (*classifier.labels[1:], classifier.labels[0])

    with pytest.raises(ModelRejected, match="takes a drawn clock for") as refusal:
        verify(classifier)
    assert refusal.value.code == "verification_failed"


def test_building_twice_gives_the_same_file(models: ModelStore, tmp_path: Path) -> None:
    assert build_model(known_model(DEFAULT), tmp_path) == models.get(DEFAULT)


def test_a_missing_weights_package_says_what_to_install(tmp_path: Path) -> None:
    known = known_model(DEFAULT)
    origin = dataclasses.replace(known.origin, package="no_such_package")

    with pytest.raises(ModelRejected, match="install the package no-such-package") as refusal:
        build_model(dataclasses.replace(known, origin=origin), tmp_path)
    assert refusal.value.code == "weights_missing"


def test_a_model_that_is_downloaded_is_not_built(tmp_path: Path) -> None:
    with pytest.raises(ModelRejected, match="'inception-v3' is downloaded"):
        build_model(known_model("inception-v3"), tmp_path)
