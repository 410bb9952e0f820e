"""Contents that nobody needs any more: noted when their last document goes, their files removed by a sweep.

Files are shared by all instances, and the same bytes may be uploaded again at any moment, so the sweep has to be
certain. Why it is, whatever the storage:

- Before an upload keeps its file, it tells this list that the content is wanted (`want`): that starts its rest anew.
- A sweep looks only at contents that were released more than an hour ago and that no row names, and takes each of
  them by a conditional update which fails when the content was wanted or released again meanwhile. While it is
  taken, an upload of the same content waits. So either the upload comes first and the sweep leaves the content
  alone for another hour, or the files are gone before the upload puts up its own.
- A content that was not on the list when an upload asked cannot be due within the hour that follows, and between
  that question and the upload's row lie seconds, minutes when a large file goes up slowly.
- A sweep that dies holds the content until its time is over; every request to a storage ends long before that. What
  remains is a machine that is suspended between two of its own requests and wakes up after ten minutes. Clocks of
  the machines have to agree to within minutes.

A folder of files is safe without the database as well:

- Every row that names a content is written after the content's file was kept, by renaming a new file over whatever
  was there (`Storage.keep`). So an upload on its way, which no row names yet, has a file as young as the upload.
- Of contents that are due the sweep takes away only files older than an hour. Between a file and its row lie
  milliseconds, at most the time-out of the database; not an hour.
- A file may be kept between the look at its age and its removal. So it is not unlinked but renamed away, looked
  at again, and put back if it turned out to be young. Whatever is kept after that lies there anew. Should the
  process die in between, the next sweep finds the file that was put aside and puts it back.
- A row that names a content without keeping a file (an earlier version made current again) does so while another
  row of the same document names it.
"""

import time
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import cast

from sqlalchemy import ColumnElement, CursorResult, delete, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from autotag.guards import attempt
from autotag.instances.wall import across_instances
from autotag.media.errors import StorageUnavailable
from autotag.media.storage.renditions import preview_key, thumbnail_key
from autotag.media.storage.storage import Storage, original_key
from autotag.models import Document, DocumentVersion, ReleasedContent
from autotag.models.base import utc_now
from autotag.models.insertion import insertion
from autotag.models.unit_of_work import unit_of_work

REST = timedelta(hours=1)
"""How long a content lies before its files go."""

AT_ONCE = 500

REMOVAL_TIME = timedelta(minutes=10)
"""How long a sweep may hold a content: its six requests to an object store take four minutes at the very most."""

WAIT_SECONDS = 0.2
MOST_WAITS = 50
"""How long an upload waits for a sweep: removing a content takes a fraction of a second, unless the sweep died."""


def release(session: Session, hashes: Collection[str], moment: datetime | None = None) -> None:
    """Note contents that a document named which is gone.

    Also those that other documents name: the sweep looks again, and two people who delete the last two documents
    of a content at once would each see the other's.
    """
    if not hashes:
        return
    rows = [{"sha256": sha256, "released_at": moment or utc_now()} for sha256 in sorted(hashes)]
    insert = insertion(session, ReleasedContent.__table__)
    later = {"released_at": insert.excluded.released_at}
    session.execute(insert.on_conflict_do_update(index_elements=["sha256"], set_=later), rows)


def want(session: Session, sha256: str) -> None:
    """Let no sweep remove a content's files within the next hour: an upload is about to rely on them.

    Commits, and leaves no transaction open. Raises StorageUnavailable when a sweep is removing them and does not end.
    """
    for waits in range(MOST_WAITS + 1):
        if waits:
            time.sleep(WAIT_SECONDS)
        released = session.scalar(select(ReleasedContent.sha256).where(ReleasedContent.sha256 == sha256))
        session.rollback()
        if released is None:
            return
        with unit_of_work(session) as work:
            now = utc_now()
            rested = work.session.execute(
                update(ReleasedContent)
                .where(ReleasedContent.sha256 == sha256, _is_free(now))
                .values(released_at=now, removing_until=None)
            )
        if cast(CursorResult[object], rested).rowcount:
            return
    raise StorageUnavailable(
        # Not that the same content was just deleted: that may have been in another virtual instance.
        "The file cannot be stored just now. Nothing was changed; try again in a few minutes."
    )


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(ReleasedContent.removing_until.is_(None), ReleasedContent.removing_until < now)


class ReleasedSweep:
    """Removes the files of contents that were released a while ago and that nobody names, a part at a time.

    See the module for why an upload at the same time loses nothing.
    """

    def __init__(
        self,
        sessions: sessionmaker[Session],
        storage: Storage,
        *,
        rest: timedelta = REST,
        at_once: int = AT_ONCE,
    ) -> None:
        self._sessions = sessions
        self._storage = storage
        self._rest = rest
        self._at_once = at_once
        self._behind = ""
        self.removed = 0

    def step(self) -> bool:
        """Look at the next part; return whether there is more. After the last part it begins anew.

        A content whose files cannot be removed stops none of the others; its error is raised after them.
        """
        with self._sessions() as session:
            due = self._due(session)
            named = named_hashes(session, due.keys())
        settled = {}
        errors: list[Exception] = []

        def note(error: Exception) -> bool:
            if isinstance(error, (StorageUnavailable, DBAPIError)):
                raise error
            errors.append(error)
            return False

        for sha256, released_at in due.items():
            if sha256 in named:
                settled[sha256] = released_at
            elif attempt(partial(self._remove, sha256, released_at), note):
                # At once, because an upload may wait for it.
                self._settle({sha256: released_at})
                self.removed += 1
        if settled:
            self._settle(settled)
        more = len(due) == self._at_once
        self._behind = max(due) if more else ""
        if errors:
            raise errors[0]
        return more

    def _due(self, session: Session) -> dict[str, datetime]:
        rows = session.execute(
            select(ReleasedContent.sha256, ReleasedContent.released_at)
            .where(
                ReleasedContent.released_at < utc_now() - self._rest, ReleasedContent.sha256 > self._behind
            )
            .order_by(ReleasedContent.sha256)
            .limit(self._at_once)
        )
        return {row.sha256: row.released_at for row in rows}

    def _settle(self, settled: Mapping[str, datetime]) -> None:
        with self._sessions() as session, unit_of_work(session) as work:
            _forget(work.session, settled)

    def _remove(self, sha256: str, released_at: datetime) -> bool:
        """Take a content and remove its files; False when it is wanted again, or too young."""
        until = utc_now() + REMOVAL_TIME
        if not self._hold(sha256, released_at, until):
            return False
        removed = False
        try:
            removed = self._discard(sha256)
        finally:
            if not removed:
                self._let_go(sha256, until)
        return removed

    def _hold(self, sha256: str, released_at: datetime, until: datetime) -> bool:
        """Take a content until a moment; False when it is no longer what was seen, or another sweep has it."""
        with self._sessions() as session, unit_of_work(session) as work:
            held = work.session.execute(
                update(ReleasedContent)
                .where(
                    ReleasedContent.sha256 == sha256,
                    ReleasedContent.released_at == released_at,
                    _is_free(utc_now()),
                )
                .values(removing_until=until)
            )
        return cast(CursorResult[object], held).rowcount == 1

    def _let_go(self, sha256: str, until: datetime) -> None:
        with self._sessions() as session, unit_of_work(session) as work:
            work.session.execute(
                update(ReleasedContent)
                .where(ReleasedContent.sha256 == sha256, ReleasedContent.removing_until == until)
                .values(removing_until=None)
            )

    def _discard(self, sha256: str) -> bool:
        """Remove the files of a content; False when one of them is too young to go."""
        keys = (original_key(sha256), thumbnail_key(sha256), preview_key(sha256))
        seconds = self._rest.total_seconds()
        return all(self._storage.discard(key, older_than_seconds=seconds) for key in keys)


def _forget(session: Session, settled: Mapping[str, datetime]) -> None:
    """Strike contents from the list, except those that were released again meanwhile."""
    for sha256, released_at in settled.items():
        session.execute(
            delete(ReleasedContent).where(
                ReleasedContent.sha256 == sha256, ReleasedContent.released_at == released_at
            )
        )


def named_hashes(session: Session, hashes: Collection[str]) -> set[str]:
    """Return those of the contents that a document or a version of any instance names."""
    with across_instances(session):
        return set(
            session.scalars(
                select(Document.sha256)
                .where(Document.sha256.in_(hashes))
                .union(select(DocumentVersion.sha256).where(DocumentVersion.sha256.in_(hashes)))
            )
        )
