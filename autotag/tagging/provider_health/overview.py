"""How providers fare, as administrators see it, and what they can do about it; each act is audited."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.configuration.declaration import Entry
from autotag.configuration.entries import TENSORFLOW_PROCESS
from autotag.configuration.store import Resolved
from autotag.instances.audit import audit
from autotag.instances.wall import across_instances
from autotag.models import ProviderState, ProviderStatus, VirtualInstance
from autotag.models.unit_of_work import UnitOfWork
from autotag.tagging.provider_health.call_quota import Usage, usage
from autotag.tagging.provider_health.circuit_breaker import resume, troubled_providers
from autotag.tagging.provider_health.process_breaker import enable_process

CALLS_LIMIT = "maximum_number_of_calls"


@dataclass(frozen=True, slots=True)
class ProviderOverview:
    """One provider in one instance. `usage` is None for a provider that sends nothing anywhere."""

    is_enabled: bool
    trouble: ProviderState | None
    usage: Usage | None

    @property
    def is_paused(self) -> bool:
        """Whether somebody has to resume it."""
        return self.trouble is not None and self.trouble.status is ProviderStatus.PAUSED

    @property
    def is_unavailable(self) -> bool:
        """Whether it is tried again by itself after a while."""
        return self.trouble is not None and self.trouble.status is ProviderStatus.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class InstanceInTrouble:
    """An instance in which a provider is paused or unavailable."""

    web_id: str
    is_paused: bool
    since: datetime
    reason: str


def sends_images(entry: Entry) -> bool:
    """Whether an entry is that of a provider whose images leave the machine: then their number can be limited."""
    return bool(entry.provider) and any(field.name == CALLS_LIMIT for field in entry.fields)


def provider_overview(session: Session, instance_id: int, resolved: Resolved) -> ProviderOverview:
    """Return how the provider of an entry fares in an instance."""
    entry = resolved.entry
    limit = int(resolved.values.get(CALLS_LIMIT, 0))
    return ProviderOverview(
        is_enabled=bool(resolved.values.get(entry.enabled_by, True)),
        trouble=troubled_providers(session, instance_id).get(entry.provider),
        usage=usage(session, instance_id, entry.provider, limit) if sends_images(entry) else None,
    )


def instances_in_trouble(session: Session, provider: str) -> list[InstanceInTrouble]:
    """Return all instances in which a provider is paused or unavailable, for the installation's administrators."""
    statement = (
        select(VirtualInstance.web_id, ProviderState)
        .join(ProviderState, ProviderState.instance_id == VirtualInstance.id)
        .where(ProviderState.provider == provider, ProviderState.status != ProviderStatus.WORKING)
        .order_by(VirtualInstance.web_id)
    )
    with across_instances(session):
        rows = session.execute(statement).all()
    return [
        InstanceInTrouble(web_id, state.status is ProviderStatus.PAUSED, state.since, state.reason)
        for web_id, state in rows
    ]


def resume_provider(work: UnitOfWork, entry: Entry, instance_id: int, actor: str) -> None:
    """Ask the provider of an entry again at once, in one instance."""
    resume(work, entry.provider, instance_id)
    audit(work.session, instance_id, actor, "provider resumed", entry.title)


def enable_process_again(work: UnitOfWork, actor: str) -> None:
    """Let the TensorFlow process start again, for the whole installation."""
    enable_process(work)
    audit(work.session, None, actor, "process enabled", TENSORFLOW_PROCESS.title)
