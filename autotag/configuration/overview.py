"""Which entries the settings pages show, and how somebody finds one by what it says."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from autotag.configuration import entries as declared
from autotag.configuration.declaration import Category, Entry, Field, Scope
from autotag.configuration.entries import ASSET_AUTO_TAGGING_SYSTEM
from autotag.configuration.store import Place, resolve


class UnknownCategory(LookupError):
    """There is no such category of entries."""


@dataclass(frozen=True, slots=True)
class Found:
    """An entry that was searched for, and those of its fields that hold one of the words."""

    entry: Entry
    fields: tuple[Field, ...]


def find_category(key: str) -> Category:
    """Return a category by its key. Raises UnknownCategory."""
    for category in declared.CATEGORIES:
        if category.key == key:
            return category
    raise UnknownCategory(key)


def tagging_is_switched_on(session: Session) -> bool:
    """Whether the master switch of the installation is on."""
    return bool(resolve(session, Place.of(ASSET_AUTO_TAGGING_SYSTEM)).values["enabled"])


def shown_entries(session: Session, *, for_instance: bool) -> list[Entry]:
    """Return the entries to show: for one instance, or for the installation and all instances.

    While the master switch is off, only those that do not depend on it.
    """
    is_on = tagging_is_switched_on(session)
    return [
        entry
        for entry in declared.ENTRIES
        if (is_on or not entry.hidden_when_off) and (entry.scope is Scope.INSTANCE or not for_instance)
    ]


def search_entries(entries: Iterable[Entry], text: str) -> list[Found]:
    """Return the entries that hold every word of a text in their name, their help or those of their fields."""
    words = text.casefold().split()
    found = []
    for entry in entries:
        fields = {field: _said_by(field) for field in entry.fields}
        said = " ".join([entry.title, entry.key, entry.help, *fields.values()]).casefold()
        if words and all(word in said for word in words):
            matching = (
                field for field, words_of in fields.items() if any(word in words_of for word in words)
            )
            found.append(Found(entry, tuple(matching)))
    return found


def _said_by(field: Field) -> str:
    return f"{field.label} {field.name} {field.help}".casefold()
