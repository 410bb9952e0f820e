"""What System Settings and Instance Settings have in common: which entries, under which addresses, in which order."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import flash, g, redirect, url_for
from flask.typing import ResponseReturnValue

from autotag.blueprints.services import services
from autotag.configuration.context import installed_choices
from autotag.configuration.declaration import Category, Entry, Scope
from autotag.configuration.entries import (
    ASSET_AUTO_TAGGING_SYSTEM,
    ASSETS,
    CATEGORIES,
    UnknownEntry,
    find_entry,
)
from autotag.configuration.overview import shown_entries
from autotag.configuration.store import Place
from autotag.configuration.validation import Choices
from autotag.extensions import db
from autotag.inference.installing.store import ModelStore

SCOPE_HEADINGS = {Scope.SYSTEM: "SYSTEM SCOPE", Scope.INSTANCE: "VIRTUAL INSTANCE SCOPE"}
SWITCHED_OFF = (
    f"{ASSET_AUTO_TAGGING_SYSTEM.title} is switched off, so its other settings are hidden. "
    "Switch it on to see them."
)


@dataclass(frozen=True, slots=True)
class SettingsArea:
    """One of the two areas of settings. `blueprint` is the name its views are registered under."""

    blueprint: str
    title: str
    help: str
    for_instance: bool

    def place(self, entry: Entry) -> Place:
        """Return where this area saves an entry."""
        return Place.of(entry, g.instance.id if self.for_instance else None)

    def address(self, view: str, **values: Any) -> str:
        """Return the address of one of the area's views."""
        return url_for(f"{self.blueprint}.{view}", **values)


SYSTEM_SETTINGS = SettingsArea(
    blueprint="system_settings",
    title="System Settings",
    help="What holds for the installation, and the defaults of all virtual instances.",
    for_instance=False,
)
INSTANCE_SETTINGS = SettingsArea(
    blueprint="instance_settings",
    title="Instance Settings",
    help="What this virtual instance does differently from the defaults.",
    for_instance=True,
)


@dataclass(frozen=True, slots=True)
class SettingsLink:
    """One line of the side navigation; `key` tells which of them is the page that is shown."""

    title: str
    address: str
    key: str


class EntryHidden(Exception):
    """The entry is not shown while the master switch is off."""

    def __init__(self, area: SettingsArea, entry: Entry) -> None:
        super().__init__(entry.key)
        self.area = area
        self.entry = entry


def load_entry(area: SettingsArea, key: str) -> Entry:
    """Return an entry of an area. Raises UnknownEntry, and EntryHidden while the master switch is off."""
    entry = find_entry(key)
    if area.for_instance and entry.scope is Scope.SYSTEM:
        raise UnknownEntry(key)
    if entry not in shown_entries(db.session(), for_instance=area.for_instance):
        raise EntryHidden(area, entry)
    return entry


def lead_to_switch(error: EntryHidden) -> ResponseReturnValue:
    """Answer for a hidden entry: lead to the switch, or to the page that says that it is off."""
    if error.area.for_instance:
        return redirect(error.area.address("category", category_key=error.entry.category), 303)
    flash(SWITCHED_OFF, "warning")
    return redirect(error.area.address("show", entry_key=ASSET_AUTO_TAGGING_SYSTEM.key), 303)


def in_category(entries: Iterable[Entry], category: Category) -> list[Entry]:
    """Return the entries of a category, in their order."""
    return [entry for entry in entries if entry.category == category.key]


def by_category(entries: Iterable[Entry]) -> list[tuple[Category, list[Entry]]]:
    """Return all categories with their entries."""
    listed = list(entries)
    return [(category, in_category(listed, category)) for category in CATEGORIES]


def navigation_groups(
    area: SettingsArea, category: Category, entries: Iterable[Entry]
) -> list[tuple[str, list[SettingsLink]]]:
    """Return the headings of the side navigation with their links; a scope without any is left out."""
    listed = list(entries)
    groups = []
    for scope, heading in SCOPE_HEADINGS.items():
        links = [
            SettingsLink(entry.title, area.address("show", entry_key=entry.key), entry.key)
            for entry in listed
            if entry.scope is scope
        ]
        if scope is Scope.SYSTEM and not area.for_instance and category == ASSETS:
            links.append(SettingsLink("Models", area.address("models"), "models"))
        if links:
            groups.append((heading, links))
    return groups


def models() -> ModelStore:
    """Return the installed models."""
    return ModelStore(services().config.models_path)


def choices() -> Choices:
    """Return what choice fields can choose from now."""
    return installed_choices(models())
