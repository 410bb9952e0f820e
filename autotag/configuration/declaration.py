"""How a setting is declared: once, and everything else (validation, forms, commands, documentation) follows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Scope(StrEnum):
    """Whom an entry is for: the installation, or each virtual instance."""

    SYSTEM = "system"
    INSTANCE = "instance"


class Kind(StrEnum):
    """What a field holds."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    TEXT = "text"
    ADDRESS = "address"
    CHOICE = "choice"
    SECRET = "secret"  # noqa: S105 - the name of a kind of field


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One setting: its name for programs, its label and help for people, what it may hold.

    `minimum` and `maximum` bound numbers, both included. `choices` names the list that a choice is made
    from. A secret with `bound_to` belongs to the scheme, host and port in that address field, and no other gets it;
    without, it belongs to those of all address fields of its entry.
    """

    name: str
    label: str
    kind: Kind
    default: Any
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: str = ""
    bound_to: str = ""

    @property
    def is_secret(self) -> bool:
        """Whether the value is never shown again once it is stored."""
        return self.kind is Kind.SECRET


Values = Mapping[str, Any]
Rule = Callable[[Values, Values], Mapping[str, str]]
"""A check of a whole entry: its values, and the values that bound it from above; reasons by field name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A group of settings that is shown, saved, inherited and reset as one.

    `enabled_by` names the switch of a provider's entry, and `required` the fields it cannot be switched on
    without. `bounded_by` names an entry whose values the rules get as their second argument. `hidden_when_off`
    is False for the entry that holds the master switch, which stays when everything else is hidden.
    """

    key: str
    title: str
    category: str
    scope: Scope
    help: str
    fields: tuple[Field, ...]
    enabled_by: str = ""
    required: tuple[str, ...] = ()
    bounded_by: str = ""
    rules: tuple[Rule, ...] = ()
    hidden_when_off: bool = True
    provider: str = ""

    def addresses_of(self, secret: Field) -> list[str]:
        """Return the names of the address fields that a secret belongs to."""
        if secret.bound_to:
            return [secret.bound_to]
        return [field.name for field in self.fields if field.kind is Kind.ADDRESS]

    def field(self, name: str) -> Field:
        """Return a field by its name. Raises KeyError."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    @property
    def defaults(self) -> dict[str, Any]:
        """The built-in values."""
        return {field.name: field.default for field in self.fields}


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A page of entries in System Settings and Instance Settings."""

    key: str
    title: str
    help: str


def boolean(name: str, label: str, default: bool, help: str) -> Field:
    """Declare a switch."""
    return Field(name=name, label=label, kind=Kind.BOOLEAN, default=default, help=help)


def integer(name: str, label: str, default: int, help: str, minimum: float, maximum: float) -> Field:
    """Declare a whole number."""
    kind = Kind.INTEGER
    return Field(
        name=name, label=label, kind=kind, default=default, help=help, minimum=minimum, maximum=maximum
    )


def decimal(name: str, label: str, default: float, help: str, minimum: float, maximum: float) -> Field:
    """Declare a number."""
    kind = Kind.DECIMAL
    return Field(
        name=name, label=label, kind=kind, default=default, help=help, minimum=minimum, maximum=maximum
    )


def threshold(default: float, provider: str) -> Field:
    """Declare the confidence threshold of a provider."""
    return decimal(
        "confidence_threshold",
        "Confidence Threshold",
        default,
        f"Smallest confidence, 0 to 1, at which a tag of {provider} is applied. Higher values give fewer tags.",
        minimum=0,
        maximum=1,
    )


def calls_limit() -> Field:
    """Declare the monthly limit of a provider that is paid for each image."""
    return integer(
        "maximum_number_of_calls",
        "Maximum Number of Calls per Month",
        0,
        "The most images sent in a calendar month (UTC); further ones wait for the next month. 0 means no limit.",
        minimum=0,
        maximum=100_000_000,
    )
