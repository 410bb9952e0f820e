"""What cloud providers cost: images sent, by instance, provider and day, and an optional limit a month."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import ProviderUsage
from autotag.models.base import utc_now
from autotag.models.insertion import insert_new, insertion
from autotag.models.unit_of_work import unit_of_work


@dataclass(frozen=True, slots=True)
class Usage:
    """Images sent today and in this calendar month (UTC), and how many a month are allowed, 0 for no limit."""

    today: int
    month: int
    limit: int


def usage(session: Session, instance_id: int, provider: str, limit: int, today: date | None = None) -> Usage:
    """Return what one instance has sent to one provider."""
    day = today or utc_now().date()
    rows = session.execute(
        select(ProviderUsage.day, ProviderUsage.calls).where(
            ProviderUsage.instance_id == instance_id,
            ProviderUsage.provider == provider,
            ProviderUsage.day >= day.replace(day=1),
        )
    ).all()
    calls = dict(rows)
    return Usage(calls.get(day, 0), sum(calls.values()), limit)


def usage_by_provider(
    session: Session, instance_id: int | None, today: date | None = None
) -> dict[tuple[int, str], Usage]:
    """Return what an instance has sent to each provider this month, by instance and provider, without limits.

    None means all instances; the caller crosses the wall for that, on purpose.
    """
    day = today or utc_now().date()
    on_day = case((ProviderUsage.day == day, ProviderUsage.calls), else_=0)
    statement = (
        select(
            ProviderUsage.instance_id,
            ProviderUsage.provider,
            func.sum(on_day),
            func.sum(ProviderUsage.calls),
        )
        .where(ProviderUsage.day >= day.replace(day=1))
        .group_by(ProviderUsage.instance_id, ProviderUsage.provider)
    )
    if instance_id is not None:
        statement = statement.where(ProviderUsage.instance_id == instance_id)
    return {
        (owner, provider): Usage(int(sent_today), int(sent), 0)
        for owner, provider, sent_today, sent in session.execute(statement)
    }


def reserve_call(
    sessions: sessionmaker[Session], instance_id: int, provider: str, limit: int
) -> datetime | None:
    """Count a call that is about to be made. When the month's limit is reached, return when the next month begins.

    It is counted before it is made: a call whose answer is lost is billed all the same.
    """
    with sessions() as session, unit_of_work(session) as work:
        return count_call(work.session, instance_id, provider, limit)


def count_call(
    session: Session, instance_id: int, provider: str, limit: int, today: date | None = None
) -> datetime | None:
    """Do what `reserve_call` does within the caller's transaction."""
    day = today or utc_now().date()
    if limit:
        _hold_month(session, instance_id, provider, day)
        if usage(session, instance_id, provider, limit, day).month >= limit:
            return next_month(day)
    statement = insertion(session, ProviderUsage.__table__).values(
        instance_id=instance_id, provider=provider, day=day, calls=1
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["instance_id", "provider", "day"],
            set_={"calls": ProviderUsage.calls + 1},
        )
    )
    return None


def _hold_month(session: Session, instance_id: int, provider: str, day: date) -> None:
    """Let nobody else count a limited call in this month before the transaction ends.

    The row of the month's first day stands for the month: two who call on different days meet there as well.
    """
    first: dict[str, object] = {
        "instance_id": instance_id,
        "provider": provider,
        "day": day.replace(day=1),
        "calls": 0,
    }
    insert_new(session, ProviderUsage.__table__, [first])
    session.execute(
        select(ProviderUsage.id)
        .where(
            ProviderUsage.instance_id == instance_id,
            ProviderUsage.provider == provider,
            ProviderUsage.day == day.replace(day=1),
        )
        .with_for_update()
    )


def give_back_call(sessions: sessionmaker[Session], instance_id: int, provider: str) -> None:
    """Undo the count of a call that was never made, because nothing was sent."""
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(
            update(ProviderUsage)
            .where(
                ProviderUsage.instance_id == instance_id,
                ProviderUsage.provider == provider,
                ProviderUsage.day == utc_now().date(),
                ProviderUsage.calls > 0,
            )
            .values(calls=ProviderUsage.calls - 1)
        )


def next_month(day: date) -> datetime:
    """Return the first moment of the month after a day, UTC."""
    first = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return datetime(first.year, first.month, first.day, tzinfo=UTC)
