"""The providers of an instance, or of all, side by side: how each fares, what it was sent, what that costs about."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.configuration.declaration import Entry
from autotag.configuration.entries import ENTRIES
from autotag.configuration.store import Place, resolve
from autotag.models import ProviderState, ProviderStatus
from autotag.providers.prices import Price
from autotag.providers.registry import published_price
from autotag.tagging.provider_health.call_quota import Usage, usage_by_provider
from autotag.tagging.provider_health.overview import CALLS_LIMIT, ProviderOverview, sends_images

NOTHING_SENT = Usage(0, 0, 0)


@dataclass(frozen=True, slots=True)
class ProviderUse:
    """One provider in one instance. `price` is None when its module declares none, or when nothing is sent."""

    instance_id: int
    entry: Entry
    overview: ProviderOverview
    price: Price | None

    @property
    def month_cost(self) -> float | None:
        """About what this month's calls cost, in the price's currency."""
        usage = self.overview.usage
        return None if self.price is None or usage is None else self.price.estimate(usage.month)


def providers_of(session: Session, instance_id: int, today: date | None = None) -> list[ProviderUse]:
    """Return the providers that are enabled in an instance, were sent something this month, or are in trouble."""
    sent = usage_by_provider(session, instance_id, today)
    troubles = _troubles(session, instance_id)
    found = []
    for entry in ENTRIES:
        if not entry.provider:
            continue
        values = resolve(session, Place.of(entry, instance_id)).values
        key = (instance_id, entry.provider)
        is_enabled = bool(values.get(entry.enabled_by, True))
        if is_enabled or key in sent:
            limit = int(values.get(CALLS_LIMIT, 0))
            found.append(_use(key, entry, is_enabled, sent, troubles, limit))
    return found


def providers_everywhere(session: Session, today: date | None = None) -> list[ProviderUse]:
    """Return, for all instances, the providers that were sent something this month, or are in trouble.

    The caller crosses the wall, on purpose. Limits are settings of each instance and not looked up.
    """
    sent = usage_by_provider(session, None, today)
    troubles = _troubles(session, None)
    entries = {entry.provider: entry for entry in ENTRIES if entry.provider}
    keys = sorted(key for key in sent.keys() | troubles.keys() if key[1] in entries)
    return [_use(key, entries[key[1]], True, sent, troubles, 0) for key in keys]


def _use(
    key: tuple[int, str],
    entry: Entry,
    is_enabled: bool,
    sent: dict[tuple[int, str], Usage],
    troubles: dict[tuple[int, str], ProviderState],
    limit: int,
) -> ProviderUse:
    usage = None
    if sends_images(entry):
        counted = sent.get(key, NOTHING_SENT)
        usage = Usage(counted.today, counted.month, limit)
    overview = ProviderOverview(is_enabled, troubles.get(key), usage)
    return ProviderUse(key[0], entry, overview, published_price(entry.provider) if usage else None)


def _troubles(session: Session, instance_id: int | None) -> dict[tuple[int, str], ProviderState]:
    statement = select(ProviderState).where(ProviderState.status != ProviderStatus.WORKING)
    if instance_id is not None:
        statement = statement.where(ProviderState.instance_id == instance_id)
    return {(state.instance_id, state.provider): state for state in session.scalars(statement)}
