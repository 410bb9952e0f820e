import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from autotag.blueprints.documents.choice import (
    MOST_IDS,
    NOTHING,
    TOO_MANY,
    Choice,
    NothingChosen,
    pack,
    requested_choice,
    unpack,
)
from autotag.blueprints.numbers import MAXIMUM_ID


@given(st.sets(st.integers(1, MAXIMUM_ID), max_size=MOST_IDS))
def test_packed_ids_come_back_in_order_and_fit_an_address(ids: set[int]) -> None:
    text = pack(ids)
    assert unpack(text) == sorted(ids)
    assert len(text) < 3600


@pytest.mark.parametrize("text", ["", "!", "ü", "A", "AA", "gA", "_____w", "x" * 5000, "AQAB"])
def test_what_nobody_packed_means_nothing(text: str) -> None:
    assert unpack(text) == []


@given(st.text(alphabet="ABCDEFGHabcdefgh0123456789-_", max_size=60))
def test_whatever_text_comes_only_ids_come_out(text: str) -> None:
    ids = unpack(text)
    assert ids == sorted(set(ids))
    assert all(0 < number <= MAXIMUM_ID for number in ids)


def read(app: Flask, query: str, **options: bool) -> Choice:
    with app.test_request_context(f"/documents/bulk/tags?{query}"):
        return requested_choice(**options)


def test_ids_come_one_by_one_or_packed(app: Flask) -> None:
    choice = read(app, f"id=7&id=3&id=x&id=0&selection={pack([3, 9])}")
    assert choice.ids == (3, 7, 9)
    assert choice.selection.ids == (3, 7, 9)
    assert choice.selection.query is None
    assert choice.fields == {"selection": pack([3, 7, 9]), "back": "/documents"}


def test_all_that_match_are_what_the_lists_address_means(app: Flask) -> None:
    choice = read(app, "all=1&until=44&id=7&view=q%3Dzebra%26tag%3Da%26tag%3Db&back=/documents?q%3Dzebra")
    query = choice.selection.query
    assert query is not None
    assert (query.text, query.tags, query.in_bin) == ("zebra", ("a", "b"), False)
    assert choice.until == 44
    assert choice.fields["view"] == "q=zebra&tag=a&tag=b"
    assert choice.back == "/documents?q=zebra"


def test_all_of_the_bin_are_those_in_the_bin(app: Flask) -> None:
    query = read(app, "all=1", in_bin=True).selection.query
    assert query is not None
    assert query.in_bin


@pytest.mark.parametrize("query", ["", "id=x", "selection=!", "all=0"])
def test_nothing_chosen_is_said(app: Flask, query: str) -> None:
    with pytest.raises(NothingChosen, match=NOTHING):
        read(app, query)


def test_too_many_one_by_one_are_refused_with_what_to_do(app: Flask) -> None:
    query = "&".join(f"id={number}" for number in range(1, MOST_IDS + 2))
    with pytest.raises(NothingChosen, match=TOO_MANY):
        read(app, query)


@pytest.mark.parametrize("back", ["//evil.test", "https://evil.test/", "/\\evil.test", ""])
def test_the_way_back_leaves_this_site_for_nobody(app: Flask, back: str) -> None:
    assert read(app, f"id=1&back={back}").back == "/documents"
