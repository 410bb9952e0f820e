"""How quickly images are tagged: by minute and by hour, and how long one takes.

Counted are attempts that came to an answer: tags, or none that apply. An `instance_id` of None means all instances;
the caller crosses the wall for that, on purpose.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from threading import Lock

from sqlalchemy import ColumnElement, func, literal, select, union_all
from sqlalchemy.orm import Session

from autotag.models import TaggingAttempt, TaggingState
from autotag.models.base import utc_now

ANSWERED = (TaggingState.TAGGED, TaggingState.NO_TAGS)
MINUTES = 60
HOURS = 24
SAMPLE = 1000
"""The newest attempts that say how long an image takes."""

SETTLED = timedelta(minutes=2)
"""After this time nothing is added to an hour that has ended: an attempt is written when it ends."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Images that were tagged in the minute or hour that began at `start`."""

    start: datetime
    images: int


@dataclass(frozen=True, slots=True)
class Throughput:
    """The last hour by minute and the last day by hour, the present one last.

    `median_seconds` and `slow_seconds` (of 20 images 19 were quicker) are taken over the newest `sampled` images
    of the day; None without any.
    """

    minutes: tuple[Bar, ...]
    hours: tuple[Bar, ...]
    sampled: int
    median_seconds: float | None
    slow_seconds: float | None

    @property
    def last_hour(self) -> int:
        """Images in the minutes that are shown."""
        return sum(bar.images for bar in self.minutes)

    @property
    def last_day(self) -> int:
        """Images in the hours that are shown."""
        return sum(bar.images for bar in self.hours)


class ThroughputMeter:
    """Counts, and remembers the hours that are over: a busy day has hundreds of thousands of attempts."""

    def __init__(self) -> None:
        self._hours: dict[tuple[int | None, datetime], int] = {}
        self._lock = Lock()

    def read(self, session: Session, instance_id: int | None, now: datetime | None = None) -> Throughput:
        """Return how quickly images were tagged until now."""
        now = now or utc_now()
        seconds = _newest_seconds(session, instance_id, now)
        return Throughput(
            minutes=_by_minute(session, instance_id, now),
            hours=self._by_hour(session, instance_id, now),
            sampled=len(seconds),
            median_seconds=percentile(seconds, 0.5),
            slow_seconds=percentile(seconds, 0.95),
        )

    def _by_hour(self, session: Session, instance_id: int | None, now: datetime) -> tuple[Bar, ...]:
        present = now.replace(minute=0, second=0, microsecond=0)
        hours = [present - timedelta(hours=back) for back in reversed(range(HOURS))]
        with self._lock:
            known = {start: self._hours.get((instance_id, start)) for start in hours}
        missing = [start for start, images in known.items() if images is None]
        counted = dict(zip(missing, _count_hours(session, instance_id, missing), strict=True))
        with self._lock:
            for start in missing:
                if start + timedelta(hours=1) + SETTLED <= now:
                    self._hours[instance_id, start] = counted[start]
            for key in [key for key in self._hours if key[1] < hours[0]]:
                del self._hours[key]
        return tuple(Bar(start, counted.get(start, known[start] or 0)) for start in hours)


def percentile(ascending: Sequence[float], share: float) -> float | None:
    """Return the value that this share of some values does not exceed; None without any."""
    return ascending[max(0, ceil(share * len(ascending)) - 1)] if ascending else None


def _by_minute(session: Session, instance_id: int | None, now: datetime) -> tuple[Bar, ...]:
    present = now.replace(second=0, microsecond=0)
    minutes = [present - timedelta(minutes=back) for back in reversed(range(MINUTES))]
    label = _minute_label(session)
    rows = session.execute(
        select(label, func.count())
        .where(
            TaggingAttempt.finished_at >= minutes[0],
            TaggingAttempt.state.in_(ANSWERED),
            *_of(instance_id),
        )
        .group_by(label)
    ).all()
    images = {row[0]: row[1] for row in rows}
    return tuple(Bar(start, images.get(start.strftime("%Y-%m-%d %H:%M"), 0)) for start in minutes)


def _minute_label(session: Session) -> ColumnElement[str]:
    """Say the minute of an attempt as text; SQLite keeps moments as text that begins like that."""
    if session.get_bind().dialect.name == "postgresql":
        return func.to_char(TaggingAttempt.finished_at, "YYYY-MM-DD HH24:MI")
    return func.substr(TaggingAttempt.finished_at, 1, 16)


def _count_hours(session: Session, instance_id: int | None, hours: Sequence[datetime]) -> list[int]:
    if not hours:
        return []
    # A count of a range of the index for each: three times as quick as grouping the whole day by a text.
    counts = [
        select(literal(place).label("place"), func.count().label("images")).where(
            TaggingAttempt.finished_at >= start,
            TaggingAttempt.finished_at < start + timedelta(hours=1),
            TaggingAttempt.state.in_(ANSWERED),
            *_of(instance_id),
        )
        for place, start in enumerate(hours)
    ]
    images = {row.place: row.images for row in session.execute(union_all(*counts))}
    return [images[place] for place in range(len(hours))]


def _newest_seconds(session: Session, instance_id: int | None, now: datetime) -> list[float]:
    return sorted(
        session.scalars(
            select(TaggingAttempt.seconds)
            .where(
                TaggingAttempt.finished_at >= now - timedelta(hours=HOURS),
                TaggingAttempt.state.in_(ANSWERED),
                *_of(instance_id),
            )
            .order_by(TaggingAttempt.finished_at.desc())
            .limit(SAMPLE)
        )
    )


def _of(instance_id: int | None) -> list[ColumnElement[bool]]:
    return [] if instance_id is None else [TaggingAttempt.instance_id == instance_id]
