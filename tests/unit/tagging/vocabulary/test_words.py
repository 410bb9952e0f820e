"""Words, what is above and below them, and finding them by any of their names."""

from autotag.tagging.vocabulary.words import Synonym, Vocabulary, Word


def vocabulary() -> Vocabulary:
    words = (
        Word("animal"),
        Word("pet", broader=("animal",)),
        Word("mammal", broader=("animal",)),
        Word("dog", (Synonym("doggy"), Synonym("Hund", "de")), broader=("pet", "mammal")),
        Word("beagle", broader=("dog",)),
        Word("glass"),
        Word("spectacles", (Synonym("glasses"),)),
    )
    classes = {"0": "beagle", "1": "dog", "2": "pet", "3": "glass", "4": "spectacles"}
    return Vocabulary({word.name: word for word in words}, classes)


def test_above_and_below_reach_any_distance_by_all_ways() -> None:
    assert vocabulary().above["beagle"] == {"dog", "pet", "mammal", "animal"}
    assert vocabulary().below["animal"] == {"pet", "mammal", "dog", "beagle"}
    assert vocabulary().above["animal"] == frozenset()


def test_a_class_counts_once_for_a_word_that_it_is_below_by_two_ways() -> None:
    assert sorted(vocabulary().class_words["0"]) == ["animal", "beagle", "dog", "mammal", "pet"]


def test_a_kind_has_several_classes() -> None:
    assert vocabulary().kinds == {"animal", "pet", "mammal", "dog"}


def test_a_word_is_found_by_name_synonym_and_plural_in_any_case() -> None:
    for text in ("dog", "Dogs", "DOGGY", "doggies", "hund", "  dog "):
        found = vocabulary().find(text)
        assert found is not None
        assert found.name == "dog", text
    assert vocabulary().find("cat") is None


def test_a_plural_made_by_rule_never_takes_a_name_that_somebody_wrote() -> None:
    found = vocabulary().find("glasses")
    assert found is not None
    assert found.name == "spectacles"


def test_no_english_plural_is_made_of_another_languages_name() -> None:
    assert vocabulary().find("Hunds") is None


def test_the_most_specific_words_have_none_of_the_others_below() -> None:
    assert vocabulary().most_specific(["animal", "glass", "dog", "pet"]) == ["glass", "dog"]
