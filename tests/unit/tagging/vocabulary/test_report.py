"""What becomes of each class."""

from autotag.tagging.vocabulary.builtin import builtin_rows, builtin_vocabulary
from autotag.tagging.vocabulary.report import fates, words_above
from autotag.tagging.vocabulary.words import Treatment


def test_every_class_is_in_the_report_with_what_finds_it() -> None:
    _, classes = builtin_rows()
    found = {fate.key: fate for fate in fates(classes, builtin_vocabulary())}
    assert len(found) == 1003
    assert (found["162"].label, found["162"].word) == ("beagle", "beagle")
    assert found["162"].above[:2] == ("hound", "dog")
    assert {"pet", "animal"} <= set(found["162"].above)
    assert found["285"].treatment is Treatment.SUGGEST_ONLY


def test_each_word_above_is_named_once_the_nearest_first() -> None:
    above = words_above("freight car", builtin_vocabulary())
    assert above[0] == "train"
    assert len(above) == len(set(above))
