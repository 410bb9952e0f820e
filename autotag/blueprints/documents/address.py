"""The address of a list: what it asks for, as arguments that can be bookmarked and shared, and back.

Addresses are typed, shared and grow old, so whatever cannot be read is left out, and `misread` says so.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from werkzeug.datastructures import MultiDict

from autotag.blueprints.numbers import read_number
from autotag.media.library.query import DocumentQuery, Order
from autotag.models import TaggingState
from autotag.models.names import fold

LONGEST_TEXT = 200
LONGEST_TAG = 75
MOST_TAGS = 8

_TYPE = re.compile(r"[a-z0-9][a-z0-9.+_-]{0,62}/(?:\*|[a-z0-9][a-z0-9.+_-]{0,62})")

_CODE = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,63}")

Arguments = dict[str, str | list[str]]
"""Arguments as `url_for` takes them."""

Sent = MultiDict[str, str] | Mapping[str, str | Sequence[str]]
"""Arguments as they come: of an address, of a form, or as `arguments_of` gives them."""

Member = TypeVar("Member", bound=StrEnum)


class View(StrEnum):
    """How a list is shown."""

    CARDS = "cards"
    LIST = "list"
    TABLE = "table"


def query_from_arguments(sent: Sent) -> DocumentQuery:
    """Read what is asked for; inside a folder, a search or filter looks into those below it as well."""
    query = DocumentQuery(
        text=_text(_last(sent, "q")),
        tags=_tags(_all(sent, "tag")),
        mime_type=_type(_last(sent, "type")),
        owner_id=_number(_last(sent, "owner")),
        state=_member(TaggingState, _last(sent, "state")),
        reason_code=_code(_last(sent, "reason")),
        untagged=_last(sent, "untagged") == "1",
        folder_id=_number(_last(sent, "folder")),
        order=_member(Order, _last(sent, "order")) or Order.NEWEST,
    )
    return query.reaching_below()


def arguments_of(query: DocumentQuery) -> Arguments:
    """Return the arguments that mean a query, without those that say what goes without saying."""
    arguments: Arguments = {
        "q": query.text,
        "tag": list(query.tags),
        "type": query.mime_type,
        "owner": "" if query.owner_id is None else str(query.owner_id),
        "state": query.state or "",
        "reason": query.reason_code or "",
        "untagged": "1" if query.untagged else "",
        "folder": "" if query.folder_id is None else str(query.folder_id),
        "order": "" if query.order is Order.NEWEST else query.order.value,
    }
    return {name: value for name, value in arguments.items() if value}


def pairs(arguments: Arguments) -> list[tuple[str, str]]:
    """Return arguments one by one, as hidden fields of a form send them."""
    return [
        (name, each)
        for name, value in arguments.items()
        for each in ([value] if isinstance(value, str) else value)
    ]


def view_from_arguments(sent: Sent) -> View | None:
    """Read how the list is to be shown; None when nothing is said."""
    return _member(View, _last(sent, "view"))


def misread(sent: Sent) -> list[str]:
    """Say what of the arguments could not be read and was left out, a sentence each."""
    query = query_from_arguments(sent)
    checks = (
        ("type", query.mime_type, "The type"),
        ("owner", query.owner_id, "The person"),
        ("state", query.state, "The state"),
        ("reason", query.reason_code, "The reason"),
        ("folder", query.folder_id, "The folder"),
        ("order", _member(Order, _last(sent, "order")), "The order"),
        ("view", view_from_arguments(sent), "The view"),
    )
    found = [
        f"{label} in the address is not one there is, so it is left out."
        for name, read, label in checks
        if _last(sent, name).strip() and not read
    ]
    if len(query.tags) < len({fold(_plain(name)) for name in _all(sent, "tag")} - {""}):
        found.append(f"Some of the tags in the address are left out: at most {MOST_TAGS} are looked for.")
    return found


def _all(sent: Sent, name: str) -> list[str]:
    if isinstance(sent, MultiDict):
        return sent.getlist(name)
    value = sent.get(name, [])
    return [value] if isinstance(value, str) else list(value)


def _last(sent: Sent, name: str) -> str:
    """Return the last of several values: in a form it stands below the others."""
    values = _all(sent, name)
    return values[-1] if values else ""


def _plain(text: str) -> str:
    """Return text as one line without control characters, which PostgreSQL would not take."""
    kept = (" " if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") else letter for letter in text)
    return " ".join("".join(kept).split())


def _text(text: str) -> str:
    return _plain(text)[:LONGEST_TEXT].strip()


def _tags(names: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for name in map(_plain, names):
        if 0 < len(name) <= LONGEST_TAG:
            found.setdefault(fold(name), name)
    return tuple(found.values())[:MOST_TAGS]


def _type(text: str) -> str:
    text = text.strip().lower()
    return text if _TYPE.fullmatch(text) else ""


def _code(text: str) -> str | None:
    text = text.strip()
    return text if _CODE.fullmatch(text) else None


def _number(text: str) -> int | None:
    return read_number(text) or None


def _member(members: type[Member], text: str) -> Member | None:
    try:
        return members(text.strip())
    except ValueError:
        return None
