"""The settings in force for one instance at the moment one of its documents is tagged."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.declaration import Entry
from autotag.configuration.entries import (
    ASSET_AUTO_TAGGING,
    ASSET_AUTO_TAGGING_SYSTEM,
    ENTRIES,
    UPLOADS,
)
from autotag.configuration.secret_box import SecretBox
from autotag.configuration.store import Place, Resolved, Source, resolve
from autotag.models import ConfigurationState

PIXELS_IN_A_MEGAPIXEL = 1_000_000

_WHERE = {
    Source.DEFAULT: "by default",
    Source.INHERITED: "in System Settings",
    Source.OWN: "in Instance Settings",
}


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One enabled provider's entry in force; its secrets are still encrypted."""

    resolved: Resolved

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self.resolved.entry.provider

    def revealed(self, box: SecretBox) -> dict[str, Any]:
        """Return the values by field name with secrets decrypted. Raises SecretUnreadable."""
        return {
            field.name: self.resolved.secret(field.name, box)
            if field.is_secret
            else self.resolved.values[field.name]
            for field in self.resolved.entry.fields
        }

    @property
    def confidence_threshold(self) -> float:
        """The smallest confidence at which a tag is applied, 0 to 1."""
        return float(self.resolved.values["confidence_threshold"])


@dataclass(frozen=True, slots=True)
class TaggingSettings:
    """What holds for an instance. `maximum_number_of_tags` 0 means no limit.

    When nothing is to be tagged, `refusal` says which setting is the reason, for the person who wonders.
    """

    refusal: str
    maximum_number_of_tags: int
    providers: tuple[ProviderSettings, ...]
    maximum_pixels: int
    imports_keywords: bool = False


def load_tagging_settings(session: Session, instance_id: int) -> TaggingSettings:
    """Read the settings in force for an instance."""
    system = resolve(session, Place.of(ASSET_AUTO_TAGGING_SYSTEM))
    own = resolve(session, Place.of(ASSET_AUTO_TAGGING, instance_id))
    entries = [resolve(session, Place.of(entry, instance_id)) for entry in ENTRIES if entry.provider]
    enabled = tuple(ProviderSettings(entry) for entry in entries if entry.values[entry.entry.enabled_by])
    uploads = resolve(session, Place.of(UPLOADS, instance_id))
    return TaggingSettings(
        refusal=_refusal(system, own, entries, enabled),
        maximum_number_of_tags=effective_maximum(
            system.values["maximum_number_of_tags"], own.values["maximum_number_of_tags"]
        ),
        providers=enabled,
        maximum_pixels=uploads.values["maximum_pixels"] * PIXELS_IN_A_MEGAPIXEL,
        imports_keywords=uploads.values["import_keywords_from_files"],
    )


def effective_maximum(*maxima: int) -> int:
    """Return the smallest of the maxima that are limits; 0, which is none, when there are none."""
    return min((maximum for maximum in maxima if maximum), default=0)


def configuration_version(session: Session) -> int:
    """Return how many changes of configuration there have been."""
    return session.scalar(select(func.coalesce(func.max(ConfigurationState.version), 0))) or 0


class EffectiveSettings:
    """Settings in force, kept by each worker for as long as the configuration's version stays the same.

    The caller passes the version that it read with the document it is about to tag, in the same statement: so
    an unchanged configuration costs no query at all, and a changed one acts on the very next document.
    """

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions
        self._version: int | None = None
        self._kept: dict[int, TaggingSettings] = {}

    def for_instance(self, instance_id: int, version: int) -> TaggingSettings:
        """Return what holds for an instance at a version of the configuration."""
        if version != self._version:
            self._kept.clear()
            self._version = version
        settings = self._kept.get(instance_id)
        if settings is None:
            with self._sessions() as session:
                settings = load_tagging_settings(session, instance_id)
                # Somebody may have saved since the caller read its version; what is read now is newer, and
                # keeping it under the older version is harmless: the next document brings the new one.
            self._kept[instance_id] = settings
        return settings


def _refusal(
    system: Resolved, own: Resolved, entries: list[Resolved], enabled: tuple[ProviderSettings, ...]
) -> str:
    for switch in (system, own):
        if not switch.values["enabled"]:
            return f"Auto tagging is off: {_say_off(switch, 'enabled')}."
    if enabled:
        return ""
    reasons = [
        _say_off(entry, entry.entry.enabled_by) for entry in entries if entry.source is not Source.DEFAULT
    ]
    told = "; ".join(reasons)
    return (
        f"No image auto tagging provider is enabled: {told}."
        if told
        else "No image auto tagging provider is enabled."
    )


def _say_off(resolved: Resolved, name: str) -> str:
    entry: Entry = resolved.entry
    label = entry.field(name).label
    title = label if entry.title in label or label.startswith("Enable ") else f"{entry.title}, {label}"
    where = "in System Settings" if resolved.entry is ASSET_AUTO_TAGGING_SYSTEM else _WHERE[resolved.source]
    return f"{title} is switched off {where}"
