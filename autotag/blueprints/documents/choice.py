"""Which documents a request is about: some by their ids, or all that a list's address means.

Ids travel in the address in few letters, so that five hundred of them fit into one.
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from flask import request, url_for
from werkzeug.datastructures import MultiDict

from autotag.blueprints.documents.address import query_from_arguments
from autotag.blueprints.numbers import MAXIMUM_ID, read_number
from autotag.blueprints.presentation import safe_next
from autotag.media.library.query import Selection

MOST_IDS = 500
LONGEST_PACKED = 4000
LONGEST_VIEW = 2000

NOTHING = "Select at least one file."
TOO_MANY = f"At most {MOST_IDS} files can be selected one by one. Use “Select all that match” for more."


class NothingChosen(ValueError):
    """A request that names no document, or too many; its text says what to do."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The documents of a request, and the list that they were chosen on.

    `until` is the highest id that the person saw, for a choice of all that match; `view` is the query of the list's
    address; `back` is where to go afterwards.
    """

    ids: tuple[int, ...] = ()
    is_all: bool = False
    view: str = ""
    until: int | None = None
    in_bin: bool = False
    back: str = ""

    @property
    def selection(self) -> Selection:
        """What the services take."""
        if not self.is_all:
            return Selection(ids=self.ids)
        query = query_from_arguments(MultiDict(parse_qsl(self.view)))
        return Selection(query=replace(query, in_bin=self.in_bin))

    @property
    def fields(self) -> dict[str, Any]:
        """What carries the choice to the next request, in its address or in hidden fields."""
        if not self.is_all:
            return {"selection": pack(self.ids), "back": self.back}
        until = {} if self.until is None else {"until": str(self.until)}
        return {"all": "1", "view": self.view, "back": self.back} | until


def requested_choice(*, in_bin: bool = False) -> Choice:
    """Read the choice of the request. Raises NothingChosen."""
    values = request.form if request.method == "POST" else request.args
    back = requested_back()
    if values.get("all") == "1":
        until = _number(values.get("until", ""))
        return Choice(
            is_all=True, view=values.get("view", "")[:LONGEST_VIEW], until=until, in_bin=in_bin, back=back
        )
    ids = {number for text in values.getlist("id") if (number := _number(text))}
    ids |= set(unpack(values.get("selection", "")))
    if not ids:
        raise NothingChosen(NOTHING)
    if len(ids) > MOST_IDS:
        raise NothingChosen(TOO_MANY)
    return Choice(ids=tuple(sorted(ids)), in_bin=in_bin, back=back)


def requested_back(fallback: str = "documents.index") -> str:
    """Return the page to go back to, which is one of this site."""
    values = request.form if request.method == "POST" else request.args
    return safe_next(values.get("back", "")[:LONGEST_VIEW].rstrip("?")) or url_for(fallback)


def pack(ids: Iterable[int]) -> str:
    """Write ids as a short text: the steps from each to the next, seven bits in a byte."""
    packed = bytearray()
    before = 0
    for number in sorted(set(ids)):
        step, before = number - before, number
        while step > 127:
            packed.append(step & 127 | 128)
            step >>= 7
        packed.append(step)
    return base64.urlsafe_b64encode(bytes(packed)).decode().rstrip("=")


def unpack(text: str) -> list[int]:
    """Read ids that `pack` wrote; nothing for a text that it did not write."""
    if not text.isascii() or len(text) > LONGEST_PACKED:
        return []
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return []
    ids: list[int] = []
    number = step = shift = 0
    for byte in packed:
        step |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            number += step
            if not step or number > MAXIMUM_ID:
                return []
            ids.append(number)
            step = shift = 0
    return ids if not shift else []


def _number(text: str) -> int | None:
    return read_number(text) or None
