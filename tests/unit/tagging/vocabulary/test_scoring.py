"""From classes to words."""

import pytest

from autotag.tagging.vocabulary.calibration import Calibration, Line
from autotag.tagging.vocabulary.scoring import FLOOR, with_detections, word_scores
from autotag.tagging.vocabulary.words import Vocabulary, Word


def vocabulary() -> Vocabulary:
    words = (
        Word("animal"),
        Word("dog", broader=("animal",)),
        Word("beagle", broader=("dog",)),
        Word("pug", broader=("dog",)),
        Word("car"),
        Word("person"),
        Word("people", broader=("person",)),
    )
    classes = {"0": "beagle", "1": "pug", "2": "car", "face": "person", "faces": "people"}
    return Vocabulary({word.name: word for word in words}, classes)


def test_a_word_has_the_sum_of_the_classes_below_it() -> None:
    scores = word_scores([0.4, 0.5, 0.1], vocabulary())
    assert scores == pytest.approx({"beagle": 0.4, "pug": 0.5, "dog": 0.9, "animal": 0.9, "car": 0.1})


def test_negligible_words_are_left_out() -> None:
    assert "car" not in word_scores([0.5, 0.5 - FLOOR / 2, FLOOR / 2], vocabulary())


def test_kinds_are_corrected_in_another_way_than_classes() -> None:
    calibration = Calibration(of_class=Line(offset=-1), of_kind=Line(offset=1))
    scores = word_scores([0.5, 0.0, 0.5], vocabulary(), calibration)
    assert scores["car"] == pytest.approx(0.269, abs=1e-3)
    assert scores["beagle"] == scores["car"]
    assert scores["dog"] == pytest.approx(0.731, abs=1e-3)


def test_the_temperature_is_applied_before_the_sum() -> None:
    scores = word_scores([0.3, 0.3, 0.4], vocabulary(), Calibration(temperature=0.5))
    assert scores["dog"] == pytest.approx(0.18 / 0.34)


def test_a_model_with_fewer_classes_or_others_gives_what_the_vocabulary_knows() -> None:
    assert word_scores([], vocabulary()) == {}
    assert set(word_scores([0.0, 0.0, 0.5, 0.5], vocabulary())) == {"car"}


def test_a_face_is_a_person_and_keeps_what_classes_say() -> None:
    scores = with_detections({"car": 0.8, "person": 0.5}, {"face": 0.9, "faces": 0.3}, vocabulary(), Line())
    assert scores == pytest.approx({"car": 0.8, "person": 0.9, "people": 0.3})
    assert with_detections({"person": 0.5}, {"face": 0.2}, vocabulary(), Line())["person"] == 0.5


def test_an_animals_face_is_no_person() -> None:
    scores = with_detections({"animal": 0.95}, {"face": 0.9, "faces": 0.0}, vocabulary(), Line())
    assert scores["person"] == pytest.approx(0.045)
    assert "people" not in scores
