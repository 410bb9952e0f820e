"""What stands above the form of an entry: how its provider or its process fares, and what to know of its values."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import g
from flask_login import current_user

from autotag.blueprints.control_panel.settings import SettingsArea
from autotag.blueprints.control_panel.trial_result import take_trial
from autotag.configuration.effective import ProviderSettings
from autotag.configuration.entries import MICROSOFT_COGNITIVE_SERVICES, TENSORFLOW, TENSORFLOW_PROCESS
from autotag.configuration.store import Resolved
from autotag.extensions import db
from autotag.models import Role
from autotag.providers.microsoft.endpoint import RetiredVersion, retired_version
from autotag.tagging.provider_health.connection_test import Trial, is_complete
from autotag.tagging.provider_health.overview import (
    InstanceInTrouble,
    ProviderOverview,
    instances_in_trouble,
    provider_overview,
    sends_images,
)
from autotag.tagging.provider_health.process_breaker import ProcessHealth, is_process_disabled, process_health


@dataclass(frozen=True, slots=True)
class Panels:
    """What to show, None and empty for what an entry does not have."""

    process: ProcessHealth | None = None
    is_process_disabled: bool = False
    provider: ProviderOverview | None = None
    in_trouble: Sequence[InstanceInTrouble] = ()
    may_try: bool = False
    trial: Trial | None = None
    retired: RetiredVersion | None = None


def load_panels(area: SettingsArea, resolved: Resolved) -> Panels:
    """Return what to show above the form of an entry in an area."""
    entry, session = resolved.entry, db.session()
    if entry is TENSORFLOW_PROCESS:
        return Panels(process=process_health(session))
    if not entry.provider:
        return Panels()
    sees_all = not area.for_instance and current_user.may(Role.SYSTEM_ADMINISTRATOR)
    return Panels(
        is_process_disabled=entry is TENSORFLOW and is_process_disabled(session),
        provider=provider_overview(session, g.instance.id, resolved) if area.for_instance else None,
        in_trouble=instances_in_trouble(session, entry.provider) if sees_all else (),
        may_try=sends_images(entry) and is_complete(ProviderSettings(resolved)),
        trial=take_trial(area.blueprint, entry.key),
        retired=retired_endpoint(resolved),
    )


def retired_endpoint(resolved: Resolved) -> RetiredVersion | None:
    """Return what to say of an endpoint in force that names a version which Microsoft retired."""
    if resolved.entry is not MICROSOFT_COGNITIVE_SERVICES:
        return None
    return retired_version(str(resolved.values["api_endpoint"]))
