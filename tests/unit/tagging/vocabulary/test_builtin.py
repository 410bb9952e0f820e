"""The built-in vocabulary says what people mean."""

import subprocess
import sys

import pytest

from autotag.inference.models.labels import imagenet_labels
from autotag.tagging.vocabulary.builtin import builtin_rows, builtin_vocabulary
from autotag.tagging.vocabulary.words import Treatment


def word_of(number: int) -> str:
    return builtin_vocabulary().classes[str(number)]


def test_the_labels_are_those_of_the_default_model() -> None:
    _, classes = builtin_rows()
    assert [row.label for row in classes if row.key.isdigit()] == imagenet_labels()


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (134, "crane (bird)"),
        (517, "construction crane"),
        (638, "leotard"),
        (639, "one-piece swimsuit"),
        (264, "Cardigan corgi"),
        (474, "cardigan"),
        (998, "ear of maize"),
        (553, "filing cabinet"),
        (673, "computer mouse"),
        (21, "kite (bird)"),
        (97, "duck"),
        (456, "bow (archery)"),
        (565, "freight car"),
        (547, "electric locomotive"),
    ],
)
def test_names_that_mislead_or_fold_together_are_replaced(number: int, word: str) -> None:
    assert word_of(number) == word


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("dogs", 162),
        ("puppy", 162),
        ("pets", 162),
        ("automobile", 817),
        ("cars", 817),
        ("TV", 851),
        ("trains", 565),
        ("train", 547),
        ("beach", 978),
        ("coast", 977),
        ("mountains", 970),
        ("flowers", 985),
        ("clothes", 655),
        ("lorries", 569),
        ("store", 582),
        ("sofa", 831),
        ("mushrooms", 992),
    ],
)
def test_pictures_are_found_by_what_people_type(typed: str, number: int) -> None:
    found = builtin_vocabulary().find(typed)
    assert found is not None
    assert found.name in builtin_vocabulary().class_words[str(number)]


def test_nothing_says_a_person_is_there_because_of_what_people_wear() -> None:
    vocabulary = builtin_vocabulary()
    for number in (457, 834, 903, 610, 652):
        assert "person" not in vocabulary.class_words[str(number)]
    assert "person" in vocabulary.class_words["faces"]


def test_words_above_are_few_enough_to_know_and_the_tree_is_shallow() -> None:
    vocabulary = builtin_vocabulary()
    upper = vocabulary.words.keys() - vocabulary.classes.values()
    assert 250 <= len(upper) <= 400

    def depth(word: str) -> int:
        return 1 + max((depth(above) for above in vocabulary.words[word].broader), default=0)

    assert max(map(depth, vocabulary.words)) <= 6


def test_no_scholars_word_is_in_it() -> None:
    for word in ("instrumentality", "placental", "artifact", "chordate", "entity"):
        assert builtin_vocabulary().find(word) is None


def test_what_stands_in_for_kinds_that_the_model_does_not_know_is_suggested() -> None:
    words = builtin_vocabulary().words
    assert words["Egyptian cat"].treatment is Treatment.SUGGEST_ONLY
    assert words["cat"].treatment is Treatment.APPLY


def test_it_is_read_when_it_is_first_used_and_needs_neither_numpy_nor_flask() -> None:
    script = (
        "import sys; import autotag.tagging.vocabulary.builtin as b, autotag.tagging.vocabulary.selection;"
        "assert not b.builtin_vocabulary.cache_info().currsize; b.builtin_vocabulary();"
        "print(sorted({'numpy', 'flask', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
