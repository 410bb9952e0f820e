"""The address of a list of documents: its arguments as a query, and back."""

from enum import StrEnum
from typing import TypeVar

from werkzeug.datastructures import MultiDict

from autotag.blueprints.documents import MAXIMUM_ID
from autotag.media.query import DocumentQuery, Order
from autotag.models import TaggingState

Member = TypeVar("Member", bound=StrEnum)


def query_from_arguments(arguments: MultiDict[str, str]) -> DocumentQuery:
    """Read what a list's address asks for; what cannot be read is as if it were not there."""
    return DocumentQuery(
        text=arguments.get("q", ""),
        tags=tuple(arguments.getlist("tag")),
        mime_type=arguments.get("type", ""),
        owner_id=_number(arguments.get("owner", "")),
        state=_member(TaggingState, arguments.get("state", "")),
        untagged=arguments.get("untagged") == "1",
        folder_id=_number(arguments.get("folder", "")),
        order=_member(Order, arguments.get("order", "")) or Order.NEWEST,
    )


def _number(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0
    return number if 0 < number <= MAXIMUM_ID else None


def _member(members: type[Member], text: str) -> Member | None:
    return next((member for member in members if member == text), None)
