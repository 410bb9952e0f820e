"""Entries as typed values, for programs: read without secrets, and sent back as a whole or in part."""

from collections.abc import Mapping
from typing import Any

from autotag.configuration.store import Resolved, Source, Submission
from autotag.configuration.validation import write_text
from autotag.instances.audit import MASK


def readable_values(resolved: Resolved) -> dict[str, Any]:
    """Return the values in force by field name; of a secret only whether there is one: a placeholder, or nothing."""
    return {
        field.name: (MASK if resolved.values[field.name] else "")
        if field.is_secret
        else resolved.values[field.name]
        for field in resolved.entry.fields
    }


def own_version(resolved: Resolved) -> int:
    """Return the version of a place's own record, 0 when it has none."""
    return resolved.version if resolved.source is Source.OWN else 0


def submission_of(
    resolved: Resolved, values: Mapping[str, Any], *, actor: str, expected_version: int | None
) -> Submission:
    """Return what to save so that these values hold; fields that are left out keep the value in force.

    The placeholder of a secret means the one that is stored, and an empty text that it goes.
    """
    texts: dict[str, str] = {}
    remove = set()
    for field in resolved.entry.fields:
        name = field.name
        if not field.is_secret:
            texts[name] = write_text(field, values.get(name, resolved.values[name]))
        elif values.get(name, MASK) != MASK:
            texts[name] = values[name]
            if not values[name].strip():
                remove.add(name)
    return Submission(texts, actor, expected_version, remove=frozenset(remove))
