from datetime import UTC, datetime, timedelta, timezone

import pytest

from autotag.blueprints.documents.filter_labels import (
    ORDERS,
    STATES,
    count_number,
    count_text,
    folder_count,
    human_day,
    type_word,
)
from autotag.media.folders import folder_tree
from autotag.media.library.query import Order
from autotag.media.library.query_plan import COUNTED_AT_MOST
from autotag.models import TaggingState


@pytest.mark.parametrize(
    ("total", "is_least", "number", "text"),
    [
        (0, False, "0", "0 files"),
        (0, True, "at least 0", ""),
        (1, False, "1", "1 file"),
        (1234, False, "1,234", "1,234 files"),
        (1234, True, "at least 1,234", "at least 1,234 files"),
        (COUNTED_AT_MOST, False, "5,000", "5,000 files"),
        (COUNTED_AT_MOST + 1, False, "more than 5,000", "more than 5,000 files"),
    ],
)
def test_a_list_says_how_many_as_far_as_it_counted(
    total: int, is_least: bool, number: str, text: str
) -> None:
    assert (count_number(total, is_least), count_text(total, is_least)) == (number, text)


def test_a_folder_says_how_many_files_it_has() -> None:
    most = folder_tree.COUNTED_AT_MOST
    assert folder_count(0) == "0 files"
    assert folder_count(1) == "1 file"
    assert folder_count(most) == f"{most:,} files or more"


@pytest.mark.parametrize(
    ("mime_type", "word"),
    [
        ("image/*", "All images"),
        ("image/jpeg", "JPEG image"),
        ("application/x-unheard-of", "application/x-unheard-of"),
    ],
)
def test_a_type_is_named_or_stands_as_it_is(mime_type: str, word: str) -> None:
    assert type_word(mime_type) == word


def test_a_day_is_said_in_utc() -> None:
    assert human_day(datetime(2026, 5, 3, 23, 30, tzinfo=UTC)) == "3 May 2026"
    west = timezone(timedelta(hours=-2))
    assert human_day(datetime(2026, 5, 3, 23, 30, tzinfo=west)) == "4 May 2026"


def test_every_order_and_state_has_words_of_its_own() -> None:
    assert set(ORDERS) == set(Order)
    assert set(STATES) == set(TaggingState)
    assert len({*ORDERS.values(), *STATES.values()}) == len(Order) + len(TaggingState)
