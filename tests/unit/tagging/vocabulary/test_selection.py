"""Which words a picture gets."""

from autotag.tagging.vocabulary.selection import select
from autotag.tagging.vocabulary.words import Treatment, Vocabulary, Word


def vocabulary(**treatments: Treatment) -> Vocabulary:
    tree = {"animal": (), "pet": ("animal",), "dog": ("pet",), "beagle": ("dog",), "pug": ("dog",), "hat": ()}
    words = {
        name: Word(name, broader=broader, treatment=treatments.get(name, Treatment.APPLY))
        for name, broader in tree.items()
    }
    return Vocabulary(words, {"0": "beagle", "1": "pug", "2": "hat"})


SURE = {"animal": 0.97, "pet": 0.97, "dog": 0.95, "beagle": 0.9, "pug": 0.05, "hat": 0.02}
UNSURE = {"animal": 0.95, "pet": 0.95, "dog": 0.94, "beagle": 0.5, "pug": 0.44, "hat": 0.15}


def test_the_most_specific_word_that_is_sure_is_applied_and_those_above_are_implied() -> None:
    chosen = select(SURE, vocabulary(), 0.7, 0.1)
    assert chosen.applied == {"beagle": 0.9}
    assert chosen.implied == {"animal": 0.97, "pet": 0.97, "dog": 0.95}
    assert chosen.suggested == {}


def test_the_broader_word_is_applied_where_no_narrower_one_is_sure() -> None:
    chosen = select(UNSURE, vocabulary(), 0.7, 0.1)
    assert chosen.applied == {"dog": 0.94}
    assert list(chosen.implied) == ["animal", "pet"]
    assert chosen.suggested == {"beagle": 0.5, "pug": 0.44, "hat": 0.15}


def test_a_word_to_suggest_only_leaves_its_place_to_the_broader_one() -> None:
    chosen = select(SURE, vocabulary(beagle=Treatment.SUGGEST_ONLY), 0.7, 0.1)
    assert list(chosen.applied) == ["dog"]
    assert list(chosen.suggested) == ["beagle"]


def test_a_word_to_suggest_only_is_implied_all_the_same() -> None:
    chosen = select(SURE, vocabulary(pet=Treatment.SUGGEST_ONLY), 0.7, 0.1)
    assert "pet" in chosen.implied


def test_a_hidden_word_is_nowhere() -> None:
    hidden = vocabulary(beagle=Treatment.HIDDEN, pet=Treatment.HIDDEN, hat=Treatment.HIDDEN)
    chosen = select(SURE, hidden, 0.7, 0.01)
    assert list(chosen.applied) == ["dog"]
    assert list(chosen.implied) == ["animal"]
    assert list(chosen.suggested) == ["pug"]


def test_a_words_own_threshold_counts_where_it_is_higher() -> None:
    words = dict(vocabulary().words)
    words["beagle"] = Word("beagle", broader=("dog",), threshold=0.95)
    words["dog"] = Word("dog", broader=("pet",), threshold=0.1)
    own = Vocabulary(words, vocabulary().classes)
    assert list(select(SURE, own, 0.7, 0.1).applied) == ["dog"]
    assert list(select(SURE, own, 0.96, 0.1).applied) == ["pet"]


def test_a_broader_word_is_suggested_only_where_it_is_clearly_surer() -> None:
    weak = {"animal": 0.65, "pet": 0.3, "dog": 0.3, "beagle": 0.2}
    assert list(select(weak, vocabulary(), 0.7, 0.1).suggested) == ["animal", "beagle"]


def test_one_switches_suggestions_off() -> None:
    assert select({"hat": 1.0}, vocabulary(hat=Treatment.SUGGEST_ONLY), 0.7, 1.0).suggested == {}


def test_a_picture_that_the_model_does_not_know_gets_nothing() -> None:
    chosen = select({"hat": 0.05, "beagle": 0.04}, vocabulary(), 0.7, 0.1)
    assert (chosen.applied, chosen.implied, chosen.suggested) == ({}, {}, {})


def test_words_that_the_vocabulary_does_not_know_are_left_out() -> None:
    assert select({"stranger": 1.0}, vocabulary(), 0.7, 0.1).applied == {}
