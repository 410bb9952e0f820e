"""Saved entries: reading them at a level, saving as a whole, resetting; each change is audited and counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from autotag.configuration.declaration import Entry, Field, Kind, Scope
from autotag.configuration.entries import find_entry
from autotag.configuration.secret_box import SecretBox, SecretUnreadable
from autotag.configuration.validation import Bounds, Choices, origin_of, read_texts, write_text
from autotag.instances.audit import MASK, audit
from autotag.models import ConfigurationRecord, ConfigurationState, Level
from autotag.models.base import utc_now
from autotag.models.insertion import insert_new
from autotag.models.unit_of_work import UnitOfWork


class Source(StrEnum):
    """Where values come from."""

    DEFAULT = "default"
    INHERITED = "inherited"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Place:
    """An entry at a level: for the installation, for all instances, or for the instance of this id."""

    entry: Entry
    level: Level
    instance_id: int | None = None

    @classmethod
    def of(cls, entry: Entry, instance_id: int | None = None) -> "Place":
        """Return where an entry is edited: in Instance Settings of an instance, or in System Settings."""
        if instance_id is not None:
            return cls(entry, Level.INSTANCE, instance_id)
        return cls(entry, Level.SYSTEM if entry.scope is Scope.SYSTEM else Level.DEFAULT)

    def secret_place(self, name: str) -> str:
        """Return what a secret of this place is bound to."""
        return f"{self.entry.key}/{name}/{self.level}/{self.instance_id or ''}"


@dataclass(frozen=True, slots=True)
class Resolved:
    """An entry's values in force at a place. Secrets are still encrypted; `held_at` is where they were sealed."""

    entry: Entry
    values: dict[str, Any]
    source: Source
    held_at: Place
    version: int = 0
    updated_at: datetime | None = None
    updated_by: str = ""

    def secret(self, name: str, box: SecretBox) -> str:
        """Decrypt a secret, "" when none is stored. Raises SecretUnreadable."""
        text = self.values.get(name) or ""
        return box.open(text, self.held_at.secret_place(name)) if text else ""


@dataclass(frozen=True, slots=True)
class Submission:
    """What somebody wants to save: texts by field name, secrets to remove, and the version they had before them.

    A secret that is not given is kept. `expected_version` is 0 when nothing was saved yet, None to save over
    whatever is there.
    """

    texts: Mapping[str, str]
    actor: str
    expected_version: int | None = None
    remove: frozenset[str] = dataclass_field(default_factory=frozenset)


class ConfigurationConflict(Exception):
    """Somebody else saved the entry meanwhile; `current` is what they saved."""

    def __init__(self, current: Resolved) -> None:
        super().__init__(f"{current.updated_by or 'Somebody'} changed this entry meanwhile.")
        self.current = current


def resolve(session: Session, place: Place) -> Resolved:
    """Return the values in force at a place: its own record, else the all-instances record, else the defaults."""
    chain = [place]
    if place.level is Level.INSTANCE:
        chain.append(Place.of(place.entry))
    for candidate in chain:
        record = _record(session, candidate)
        if record is not None:
            return Resolved(
                place.entry,
                _known_values(place.entry, record.values),
                Source.OWN if candidate == place else Source.INHERITED,
                candidate,
                record.version if candidate == place else 0,
                record.updated_at,
                record.updated_by,
            )
    return Resolved(place.entry, place.entry.defaults, Source.DEFAULT, place)


def save(
    work: UnitOfWork, place: Place, submission: Submission, *, box: SecretBox, choices: Choices
) -> Resolved:
    """Check and save an entry as a whole.

    Raises InvalidConfiguration; ConfigurationConflict when it is not the expected version any more; SecretUnreadable
    when a secret is to be kept that cannot be read. Then nothing is saved. Saving what is there already changes
    nothing but makes it this place's own.
    """
    hold_configuration(work.session)
    before = resolve(work.session, place)
    own_version = before.version if before.source is Source.OWN else 0
    if submission.expected_version is not None and submission.expected_version != own_version:
        raise ConfigurationConflict(before)
    texts = _with_kept_secrets(before, submission, box)
    values = read_texts(place.entry, texts, Bounds(choices, _above(work.session, place.entry)))
    changes = _changes(before, values, box)
    stored = {name: _stored(place, name, value, box) for name, value in values.items()}
    if before.source is Source.OWN and not changes:
        return before
    _write(work.session, place, stored, submission.actor)
    audit(work.session, place.instance_id, submission.actor, "configuration saved", _subject(place), changes)
    return resolve(work.session, place)


def reset(work: UnitOfWork, place: Place, actor: str) -> Resolved:
    """Remove a place's own record, so that it inherits again. No change when it has none."""
    hold_configuration(work.session)
    removed = work.session.execute(
        delete(ConfigurationRecord).where(*_where(place)).returning(ConfigurationRecord.id)
    ).all()
    if removed:
        _count_change(work.session)
        audit(work.session, place.instance_id, actor, "configuration reset", _subject(place), [])
    return resolve(work.session, place)


def unreadable_fields(resolved: Resolved, box: SecretBox) -> list[str]:
    """Return the names of those of an entry's fields whose stored secret cannot be decrypted."""
    return [
        declared.name
        for declared in resolved.entry.fields
        if declared.is_secret
        and (text := resolved.values[declared.name])
        and not box.can_open(text, resolved.held_at.secret_place(declared.name))
    ]


def shown_values(resolved: Resolved) -> dict[str, str]:
    """Return the texts of all fields but the secrets, which are never shown."""
    return {
        declared.name: write_text(declared, resolved.values[declared.name])
        for declared in resolved.entry.fields
        if not declared.is_secret
    }


def _record(session: Session, place: Place) -> ConfigurationRecord | None:
    return session.scalar(
        select(ConfigurationRecord).where(*_where(place)).execution_options(populate_existing=True)
    )


def _where(place: Place) -> tuple[Any, ...]:
    same_instance = (
        ConfigurationRecord.instance_id.is_(None)
        if place.instance_id is None
        else ConfigurationRecord.instance_id == place.instance_id
    )
    return (
        ConfigurationRecord.entry == place.entry.key,
        ConfigurationRecord.level == place.level,
        same_instance,
    )


def _write(session: Session, place: Place, values: dict[str, Any], actor: str) -> None:
    record = _record(session, place)
    if record is None:
        record = ConfigurationRecord(entry=place.entry.key, level=place.level, instance_id=place.instance_id)
        session.add(record)
    record.values = values
    # The number of the change, so that a record made anew after a reset is never taken for the one before it.
    record.version = _count_change(session)
    record.updated_at = utc_now()
    record.updated_by = actor
    session.flush()


def _count_change(session: Session) -> int:
    """Count a change of the configuration, which the caller holds, and return its number."""
    with session.no_autoflush:
        return session.scalars(
            update(ConfigurationState)
            .values(version=ConfigurationState.version + 1)
            .returning(ConfigurationState.version)
        ).one()


def hold_configuration(session: Session) -> None:
    """Let nobody else change the configuration before the transaction ends: what is read here is what is replaced."""
    insert_new(session, ConfigurationState.__table__, [{"id": 1, "version": 0}])
    session.execute(select(ConfigurationState.id).with_for_update())


def _above(session: Session, entry: Entry) -> Mapping[str, Any]:
    if not entry.bounded_by:
        return {}
    return resolve(session, Place.of(find_entry(entry.bounded_by))).values


def _known_values(entry: Entry, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in defaults for fields that are newer than the record, and leave out those that are gone."""
    return {declared.name: stored.get(declared.name, declared.default) for declared in entry.fields}


def _with_kept_secrets(before: Resolved, submission: Submission, box: SecretBox) -> dict[str, str]:
    """Put back the secrets that were not given anew: kept, unless removed or meant for another address now.

    This holds for an inherited secret as well: a virtual instance that enters an address of its own needs its own key.
    """
    texts = dict(submission.texts)
    for declared in before.entry.fields:
        if declared.is_secret and not texts.get(declared.name):
            keep = declared.name not in submission.remove and _same_origins(declared, before, texts)
            texts[declared.name] = before.secret(declared.name, box) if keep else ""
    return texts


def _same_origins(declared: Field, before: Resolved, texts: Mapping[str, str]) -> bool:
    return all(
        origin_of(str(before.values[name])) == origin_of(texts.get(name, ""))
        for name in before.entry.addresses_of(declared)
    )


def _stored(place: Place, name: str, value: Any, box: SecretBox) -> Any:
    if place.entry.field(name).kind is not Kind.SECRET or not value:
        return value
    return box.seal(value, place.secret_place(name))


def _changes(before: Resolved, values: Mapping[str, Any], box: SecretBox) -> list[list[Any]]:
    changes = []
    for declared in before.entry.fields:
        old, new = before.values[declared.name], values[declared.name]
        if declared.is_secret:
            if _is_another_secret(before, declared.name, new, box):
                changes.append([declared.label, MASK if old else "", MASK if new else ""])
        elif old != new:
            changes.append([declared.label, write_text(declared, old), write_text(declared, new)])
    return changes


def _is_another_secret(before: Resolved, name: str, new: str, box: SecretBox) -> bool:
    try:
        return before.secret(name, box) != new
    except SecretUnreadable:
        # It is replaced, or removed: to keep it was refused.
        return True


def _subject(place: Place) -> str:
    where = {Level.SYSTEM: "system", Level.DEFAULT: "all instances", Level.INSTANCE: "this instance"}
    return f"{place.entry.title} ({where[place.level]})"
