import pytest
from werkzeug.datastructures import MultiDict

from autotag.blueprints.documents.address import query_from_arguments
from autotag.media.query import DocumentQuery, Order
from autotag.models import TaggingState


def test_every_argument_is_read() -> None:
    arguments = MultiDict(
        [
            ("q", "cat"),
            ("tag", "a"),
            ("tag", "b"),
            ("type", "image/*"),
            ("owner", "3"),
            ("state", "failed"),
            ("untagged", "1"),
            ("folder", "9"),
            ("order", "largest"),
        ]
    )
    assert query_from_arguments(arguments) == DocumentQuery(
        "cat", ("a", "b"), "image/*", 3, TaggingState.FAILED, True, 9, order=Order.LARGEST
    )


@pytest.mark.parametrize("junk", ["", "x", "-1", "0", "\u0663", "9" * 30])
def test_what_cannot_be_read_is_as_if_it_were_not_there(junk: str) -> None:
    arguments = MultiDict({"owner": junk, "folder": junk, "state": junk, "order": junk, "untagged": junk})
    assert query_from_arguments(arguments) == DocumentQuery()
