"""Text becomes values: the same rules and the same words for the pages, the command and the API."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from autotag.configuration.declaration import Entry, Field, Kind, Values

Choices = Mapping[str, Sequence[tuple[str, str]]]
"""For each list that a choice is made from: pairs of value and label."""

TEXT_LENGTH = 2000
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0", ""})


class InvalidConfiguration(Exception):
    """Values that cannot be saved; `errors` gives a reason for each field that is wrong.

    `is_conflict` says that each value could be one, and only does not go with others, here or in the entry above.
    """

    def __init__(self, errors: Mapping[str, str], *, is_conflict: bool = False) -> None:
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in errors.items()))
        self.errors = dict(errors)
        self.is_conflict = is_conflict


@dataclass(frozen=True, slots=True)
class Bounds:
    """What values are checked against: lists of choices, and the values of the entry that bounds this one."""

    choices: Choices
    above: Values


def read_texts(entry: Entry, texts: Mapping[str, str], bounds: Bounds) -> dict[str, Any]:
    """Read and check a whole entry. A secret's value here is its text, "" when there is none.

    Raises InvalidConfiguration with all reasons at once.
    """
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for field in entry.fields:
        try:
            values[field.name] = read_text(field, texts.get(field.name, ""), bounds.choices)
        except ValueError as error:
            errors[field.name] = str(error)
    if errors:
        raise InvalidConfiguration(errors)
    conflicts = _missing(entry, values)
    for rule in entry.rules:
        conflicts |= rule(values, bounds.above)
    if conflicts:
        raise InvalidConfiguration(conflicts, is_conflict=True)
    return values


def read_text(field: Field, text: str, choices: Choices) -> Any:
    """Read one field. Raises ValueError whose message is the reason for a person."""
    text = text.strip()
    match field.kind:
        case Kind.BOOLEAN:
            return _boolean(text)
        case Kind.INTEGER:
            return _number(field, text, _whole)
        case Kind.DECIMAL:
            return _number(field, text, _decimal)
        case Kind.ADDRESS:
            return _address(text)
        case Kind.CHOICE:
            return _choice(text, choices.get(field.choices, ()))
        case _:
            if len(text) > TEXT_LENGTH:
                raise ValueError(f"Enter at most {TEXT_LENGTH} characters.")
            if any(ord(character) < 32 for character in text):
                raise ValueError("Control characters are not allowed.")
            return text


def write_text(field: Field, value: Any) -> str:
    """Return the text that `read_text` reads as this value."""
    if field.kind is Kind.BOOLEAN:
        return "true" if value else "false"
    if field.kind is Kind.DECIMAL:
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return str(value)


def origin_of(address: str) -> str:
    """Return scheme, host and port of an address in one spelling, "" when it is none (RFC 6454, 4)."""
    try:
        text = _address(address.strip())
        parts = urlsplit(text)
    except ValueError:
        return ""
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}" if text else ""


def _boolean(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError("Enter true or false.")


def _number(field: Field, text: str, read: Callable[[str], float]) -> float:
    if not text:
        raise ValueError("Enter a number.")
    number = read(text)
    if (field.minimum is not None and number < field.minimum) or (
        field.maximum is not None and number > field.maximum
    ):
        raise ValueError(_range(field))
    return number


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,15}", text):
        raise ValueError("Enter a whole number.")
    return int(text)


def _decimal(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("Enter a number, for example 0.5.")
    return number


def _range(field: Field) -> str:
    if field.minimum is not None and field.maximum is not None:
        return f"Enter a number from {field.minimum:,g} to {field.maximum:,g}.".replace(",", " ")
    return (
        f"Enter {field.minimum:g} or more."
        if field.minimum is not None
        else f"Enter {field.maximum:g} or less."
    )


def _address(text: str) -> str:
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        sound = (
            parts.scheme in ("https", "http") and parts.hostname and not parts.username and not parts.password
        )
        _ = parts.port
    except ValueError:
        sound = False
    if not sound or re.search(r"\s", text) or parts.query or parts.fragment:
        raise ValueError("Enter a web address, for example https://name.cognitiveservices.azure.com.")
    return text


def _choice(text: str, choices: Sequence[tuple[str, str]]) -> str:
    if text not in (value for value, _ in choices):
        names = ", ".join(value for value, _ in choices) or "nothing"
        raise ValueError(f"Choose one of: {names}.")
    return text


def _missing(entry: Entry, values: Values) -> dict[str, str]:
    if not entry.enabled_by or not values[entry.enabled_by]:
        return {}
    return {name: "This is required to enable the provider." for name in entry.required if not values[name]}
