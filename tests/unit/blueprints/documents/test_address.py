"""What an address asks for, and back; the stranger the address, the better it has to be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from autotag.blueprints.documents.address import (
    MOST_TAGS,
    View,
    arguments_of,
    misread,
    pairs,
    query_from_arguments,
    view_from_arguments,
)
from autotag.media.library.query import DocumentQuery, Order
from autotag.models import TaggingState

NAMES = [
    "q",
    "tag",
    "type",
    "owner",
    "state",
    "reason",
    "untagged",
    "folder",
    "order",
    "view",
    "cursor",
    "other",
]
VALUES = st.one_of(
    st.text(max_size=300),
    st.integers(-10, 2**70).map(str),
    st.sampled_from(
        ["1", "newest", "name", "failed", "image/*", "image/png", "a b", "\x00", "\u00b2", "\u0664"]
    ),
)
SENT = st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=20).map(MultiDict)


@given(SENT)
def test_whatever_is_sent_is_read_and_what_is_read_is_kept(sent: MultiDict[str, str]) -> None:
    query = query_from_arguments(sent)
    arguments = arguments_of(query)
    assert query_from_arguments(arguments) == query
    assert query_from_arguments(MultiDict(pairs(arguments))) == query
    assert arguments_of(query_from_arguments(arguments)) == arguments
    assert misread(arguments) == []
    for sentence in misread(sent):
        assert sentence.endswith(".")
    assert "\x00" not in query.text + "".join(query.tags) + query.mime_type


def test_everything_at_once() -> None:
    arguments = {
        "q": "beach sun",
        "tag": ["Cat", "snow leopard"],
        "type": "image/*",
        "owner": "3",
        "state": "failed",
        "reason": "truncated_image",
        "untagged": "1",
        "folder": "7",
        "order": "name-descending",
    }
    query = DocumentQuery(
        text="beach sun",
        tags=("Cat", "snow leopard"),
        mime_type="image/*",
        owner_id=3,
        state=TaggingState.FAILED,
        reason_code="truncated_image",
        untagged=True,
        folder_id=7,
        with_subfolders=True,
        order=Order.NAME_DESCENDING,
    )
    assert query_from_arguments(arguments) == query
    assert arguments_of(query) == arguments


def test_nothing_asks_for_everything() -> None:
    assert query_from_arguments({}) == DocumentQuery()
    assert arguments_of(DocumentQuery()) == {}
    assert query_from_arguments({"q": " ", "tag": "", "untagged": "0", "owner": ""}) == DocumentQuery()


def test_a_folder_alone_means_its_own_files_and_with_a_filter_those_below_it() -> None:
    assert not query_from_arguments({"folder": "7"}).with_subfolders
    assert not query_from_arguments({"folder": "7", "order": "name"}).with_subfolders
    assert query_from_arguments({"folder": "7", "q": "x"}).with_subfolders
    assert query_from_arguments({"folder": "7", "untagged": "1"}).with_subfolders


def test_a_tag_counts_once_whatever_its_case_and_there_are_not_too_many() -> None:
    assert query_from_arguments({"tag": ["Cat", "cat ", "CAT"]}).tags == ("Cat",)
    many = [f"tag {number}" for number in range(MOST_TAGS + 1)]
    assert query_from_arguments({"tag": many}).tags == tuple(many[:MOST_TAGS])
    assert len(misread({"tag": many})) == 1
    assert misread({"tag": ["Cat", "cat"]}) == []


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("type", "image", "type"),
        ("type", "image/png; x", "type"),
        ("type", "*/*", "type"),
        ("owner", "me", "person"),
        ("owner", "0", "person"),
        ("owner", "\u0663", "person"),
        ("owner", "99999999999", "person"),
        ("state", "happy", "state"),
        ("reason", "Any reason", "reason"),
        ("folder", "-1", "folder"),
        ("folder", "2147483648", "folder"),
        ("order", "random", "order"),
        ("view", "wall", "view"),
    ],
)
def test_what_cannot_be_read_is_left_out_and_said(name: str, value: str, word: str) -> None:
    assert query_from_arguments({name: value}) == DocumentQuery()
    (sentence,) = misread({name: value})
    assert f"The {word} in the address" in sentence


def test_the_view_is_read_apart_because_it_changes_no_list() -> None:
    assert view_from_arguments({"view": "table"}) is View.TABLE
    assert view_from_arguments({}) is None
    assert query_from_arguments({"view": "table"}) == DocumentQuery()
