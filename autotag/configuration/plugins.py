"""Entries of providers that are installed as packages of their own; see docs/providers.md."""

from collections.abc import Collection

import structlog

from autotag.configuration.declaration import Entry
from autotag.providers.registry import installed_providers

logger = structlog.stdlib.get_logger(__name__)


def installed_entries(taken: Collection[str]) -> list[Entry]:
    """Return the entries that installed provider packages declare, by key.

    One that cannot be loaded, or whose key is taken, is left out with a line in the log: a package that is
    broken must not take the product down with it.
    """
    entries: dict[str, Entry] = {}
    for name, point in installed_providers().items():
        try:
            entry = point.load().entry
        except Exception as error:
            logger.warning("provider package cannot be loaded", provider=name, error=repr(error))
            continue
        if not isinstance(entry, Entry) or entry.provider != name or entry.key in {*taken, *entries}:
            logger.warning("provider package declares no usable entry", provider=name)
            continue
        entries[entry.key] = entry
    return [entries[key] for key in sorted(entries)]
