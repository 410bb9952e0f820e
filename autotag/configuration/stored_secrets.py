"""All secrets that are stored in entries: encrypting them with a new key, and finding those that cannot be read."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.configuration.entries import UnknownEntry, find_entry
from autotag.configuration.secret_box import SecretBox, SecretUnreadable
from autotag.configuration.store import Place, hold_configuration
from autotag.models import ConfigurationRecord, Level, VirtualInstance
from autotag.models.unit_of_work import UnitOfWork

_WHERE = {Level.SYSTEM: "System Settings", Level.DEFAULT: "System Settings"}


def rotate_secrets(work: UnitOfWork, box: SecretBox) -> int:
    """Encrypt with the current key what an earlier key encrypted; return how many secrets.

    What cannot be read stays as it is, and keeps no other secret from being encrypted: `unreadable_secrets` names it.
    """
    hold_configuration(work.session)
    rotated = 0
    for record, place, names in _records(work.session):
        values = dict(record.values)
        for name in names:
            if box.is_current(values[name]):
                continue
            try:
                secret = box.open(values[name], place.secret_place(name))
            except SecretUnreadable:
                continue
            values[name] = box.seal(secret, place.secret_place(name))
            rotated += 1
        record.values = values
    return rotated


def unreadable_secrets(session: Session, box: SecretBox) -> list[str]:
    """Name the stored secrets that cannot be decrypted, each by its entry, its field and where it was saved."""
    instances = session.execute(select(VirtualInstance.id, VirtualInstance.web_id)).all()
    web_ids: dict[int, str] = dict(instances)
    found = []
    for record, place, names in _records(session):
        for name in names:
            if not box.can_open(record.values[name], place.secret_place(name)):
                where = _WHERE.get(record.level) or f"instance {web_ids.get(record.instance_id or 0)}"
                found.append(f"{place.entry.title}, {place.entry.field(name).label} ({where})")
    return sorted(found)


def _records(session: Session) -> Iterator[tuple[ConfigurationRecord, Place, list[str]]]:
    """Go through the records with the names of the secrets that each holds.

    The entry of a provider's package that is not installed is passed over: nobody knows which of its fields are secret.
    """
    for record in session.scalars(select(ConfigurationRecord).order_by(ConfigurationRecord.id)):
        try:
            entry = find_entry(record.entry)
        except UnknownEntry:
            continue
        names = [field.name for field in entry.fields if field.is_secret and record.values.get(field.name)]
        yield record, Place(entry, record.level, record.instance_id), names
