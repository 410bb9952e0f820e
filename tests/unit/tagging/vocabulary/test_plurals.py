"""English plurals."""

import pytest

from autotag.tagging.vocabulary.plurals import plural


@pytest.mark.parametrize(
    ("one", "several"),
    [
        ("dog", "dogs"),
        ("fox", "foxes"),
        ("bus", "buses"),
        ("church", "churches"),
        ("ostrich", "ostriches"),
        ("couch", "couches"),
        ("monarch", "monarchs"),
        ("brush", "brushes"),
        ("puppy", "puppies"),
        ("monkey", "monkeys"),
        ("sheep", "sheep"),
        ("wolf", "wolves"),
        ("goose", "geese"),
        ("mongoose", "mongooses"),
        ("computer mouse", "computer mice"),
        ("titmouse", "titmice"),
        ("bookshelf", "bookshelves"),
        ("volcano", "volcanoes"),
        ("piano", "pianos"),
        ("snow leopard", "snow leopards"),
        ("ear of maize", "ears of maize"),
        ("crane (bird)", "cranes (bird)"),
        ("sunglasses", "sunglasses"),
        ("jeans", "jeans"),
    ],
)
def test_the_plural_is_what_people_type(one: str, several: str) -> None:
    assert plural(one) == several
