import os
import threading
import time
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.instances.wall import scope_to_instance
from autotag.media.bin.recycle_bin import purge, trash
from autotag.media.errors import StorageUnavailable
from autotag.media.library.query import Selection
from autotag.media.storage import garbage
from autotag.media.storage.garbage import ReleasedSweep, named_hashes, release, want
from autotag.media.storage.renditions import preview_key, thumbnail_key
from autotag.media.storage.storage import FolderStorage, original_key
from autotag.models import Document, DocumentVersion, ReleasedContent, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from tests.conftest import counted_statements
from tests.unit.conftest import Factory

DAY_SECONDS = 24 * 60 * 60.0
YESTERDAY = timedelta(days=1)


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def keep_old(storage: FolderStorage) -> Callable[[str], None]:
    """Keeps the files of a content as of yesterday."""

    def keep_old(sha256: str) -> None:
        for key in (original_key(sha256), preview_key(sha256), thumbnail_key(sha256)):
            path = storage.incoming()
            path.write_bytes(b"picture")
            os.utime(path, (time.time() - DAY_SECONDS,) * 2)
            storage.keep(path, key, durable=False)

    return keep_old


@pytest.fixture
def deleted(
    sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance, keep_old: Callable[[str], None]
) -> Callable[..., str]:
    """Deletes a document for good, as of yesterday; returns its content hash."""

    def deleted(**values: object) -> str:
        document = make.document(acme, **values)
        keep_old(document.sha256)
        chosen = Selection(ids=(document.id,))
        with sessions() as session, unit_of_work(session) as work:
            trash(work, acme.id, chosen, user_id=None)
            purge(work, acme.id, chosen)
            work.session.execute(update(ReleasedContent).values(released_at=utc_now() - YESTERDAY))
        return document.sha256

    return deleted


def files(storage: FolderStorage, sha256: str) -> int:
    keys = (original_key(sha256), preview_key(sha256), thumbnail_key(sha256))
    return sum(storage.exists(key) for key in keys)


def listed(session: Session) -> list[str]:
    session.rollback()
    return list(session.scalars(select(ReleasedContent.sha256).order_by(ReleasedContent.sha256)))


def sweep(sessions: sessionmaker[Session], storage: FolderStorage, **options: int) -> int:
    sweeper = ReleasedSweep(sessions, storage, **options)  # type: ignore[arg-type]
    while sweeper.step():
        pass
    return sweeper.removed


def test_the_files_of_what_nobody_names_any_more_go(
    sessions: sessionmaker[Session], session: Session, storage: FolderStorage, deleted: Callable[..., str]
) -> None:
    sha256 = deleted()
    assert files(storage, sha256) == 3
    assert sweep(sessions, storage) == 1
    assert files(storage, sha256) == 0
    assert listed(session) == []
    assert sweep(sessions, storage) == 0


def test_the_same_content_in_another_instance_keeps_its_files(
    sessions: sessionmaker[Session],
    session: Session,
    storage: FolderStorage,
    make: Factory,
    deleted: Callable[..., str],
) -> None:
    sha256 = deleted(sha256="a" * 64)
    make.document(make.instance("globex"), sha256=sha256)
    assert sweep(sessions, storage) == 0
    assert files(storage, sha256) == 3
    assert listed(session) == []


def test_an_earlier_version_of_another_document_keeps_its_files(
    sessions: sessionmaker[Session], storage: FolderStorage, make: Factory, deleted: Callable[..., str]
) -> None:
    sha256 = deleted()
    globex = make.instance("globex")
    document = make.document(globex)
    with sessions() as session, unit_of_work(session) as work:
        work.session.add(
            DocumentVersion(
                instance_id=globex.id,
                document_id=document.id,
                number=1,
                file_name="a.png",
                sha256=sha256,
                mime_type="image/png",
                size=1,
            )
        )
    assert sweep(sessions, storage) == 0
    assert files(storage, sha256) == 3


def test_a_document_in_a_bin_keeps_its_files(
    sessions: sessionmaker[Session],
    storage: FolderStorage,
    make: Factory,
    acme: VirtualInstance,
    deleted: Callable[..., str],
) -> None:
    sha256 = deleted()
    make.document(acme, sha256=sha256, deleted_at=utc_now())
    assert sweep(sessions, storage) == 0
    assert files(storage, sha256) == 3


def test_what_was_released_a_moment_ago_rests(
    sessions: sessionmaker[Session], session: Session, storage: FolderStorage, deleted: Callable[..., str]
) -> None:
    sha256 = deleted()
    with unit_of_work(session) as work:
        release(work.session, {sha256})
    assert sweep(sessions, storage) == 0
    assert files(storage, sha256) == 3
    assert listed(session) == [sha256]


def test_an_upload_on_its_way_that_no_row_names_yet_keeps_its_file(
    sessions: sessionmaker[Session],
    session: Session,
    storage: FolderStorage,
    make: Factory,
    acme: VirtualInstance,
    deleted: Callable[..., str],
) -> None:
    """The same bytes are uploaded again: their file is kept, the sweep runs, then the row is committed."""
    sha256 = deleted()
    path = storage.incoming()
    path.write_bytes(b"picture")
    storage.keep(path, original_key(sha256))
    assert sweep(sessions, storage) == 0
    make.document(acme, sha256=sha256)
    assert storage.exists(original_key(sha256))
    assert listed(session) == [sha256]
    assert sweep(sessions, storage) == 0
    assert listed(session) == []
    assert storage.exists(original_key(sha256))


def test_what_is_released_again_during_the_sweep_stays_on_the_list(
    sessions: sessionmaker[Session],
    session: Session,
    storage: FolderStorage,
    deleted: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sha256 = deleted()
    discard = FolderStorage.discard

    def release_first(self: FolderStorage, key: str, *, older_than_seconds: float) -> bool:
        with sessions() as other, unit_of_work(other) as work:
            release(work.session, {sha256})
        return discard(self, key, older_than_seconds=older_than_seconds)

    monkeypatch.setattr(FolderStorage, "discard", release_first)
    sweep(sessions, storage)
    assert listed(session) == [sha256]


def test_all_parts_are_gone_through_also_behind_those_that_have_to_stay(
    sessions: sessionmaker[Session], session: Session, storage: FolderStorage, deleted: Callable[..., str]
) -> None:
    hashes = sorted(deleted() for _ in range(5))
    for sha256 in hashes[:2]:
        os.utime(storage.local_path(original_key(sha256)))
    assert sweep(sessions, storage, at_once=1) == 3
    assert listed(session) == hashes[:2]


def test_one_step_looks_at_one_part(
    sessions: sessionmaker[Session], storage: FolderStorage, deleted: Callable[..., str]
) -> None:
    hashes = [deleted() for _ in range(4)]
    sweeper = ReleasedSweep(sessions, storage, at_once=3)
    assert sweeper.step()
    assert sweeper.removed == 3
    assert not sweeper.step()
    assert sweeper.removed == len(hashes)


def test_a_content_that_an_upload_wants_is_left_alone(
    sessions: sessionmaker[Session], session: Session, storage: FolderStorage, deleted: Callable[..., str]
) -> None:
    sha256 = deleted()
    want(session, sha256)
    assert not session.in_transaction()
    assert sweep(sessions, storage) == 0
    assert listed(session) == [sha256]
    assert storage.exists(original_key(sha256))


def test_a_content_that_is_wanted_after_the_sweep_looked_is_left_alone(
    sessions: sessionmaker[Session],
    session: Session,
    storage: FolderStorage,
    deleted: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sha256 = deleted()
    look = garbage.named_hashes

    def look_then_want(session_: Session, hashes: Collection[str]) -> set[str]:
        found = look(session_, hashes)
        want(session, sha256)
        return found

    monkeypatch.setattr(garbage, "named_hashes", look_then_want)
    assert sweep(sessions, storage) == 0
    assert storage.exists(original_key(sha256))


def test_an_upload_during_the_removal_waits_and_puts_its_own_file_up(
    sessions: sessionmaker[Session],
    session: Session,
    storage: FolderStorage,
    deleted: Callable[..., str],
    keep_old: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sha256 = deleted()
    discard = FolderStorage.discard
    uploads: list[threading.Thread] = []
    waiting = threading.Event()

    def upload() -> None:
        with sessions() as mine:
            want(mine, sha256)
            # As object storage does it: what is there already is not sent again, and stays as old as it was.
            if not storage.exists(original_key(sha256)):
                keep_old(sha256)

    def meanwhile(self: FolderStorage, key: str, *, older_than_seconds: float) -> bool:
        if not uploads:
            uploads.append(threading.Thread(target=upload))
            uploads[0].start()
            assert waiting.wait(30)
        return discard(self, key, older_than_seconds=older_than_seconds)

    monkeypatch.setattr(garbage.time, "sleep", lambda _seconds: waiting.set())
    monkeypatch.setattr(garbage, "MOST_WAITS", 10**6)
    monkeypatch.setattr(FolderStorage, "discard", meanwhile)
    assert sweep(sessions, storage) == 1
    uploads[0].join(30)
    assert storage.exists(original_key(sha256))
    assert listed(session) == []


def test_a_sweep_that_died_holds_a_content_for_a_while(
    sessions: sessionmaker[Session],
    session: Session,
    storage: FolderStorage,
    deleted: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sha256 = deleted()

    def hold_until(moment: datetime) -> None:
        with unit_of_work(session) as work:
            work.session.execute(update(ReleasedContent).values(removing_until=moment))

    monkeypatch.setattr(garbage, "WAIT_SECONDS", 0.0)
    hold_until(utc_now() + timedelta(minutes=1))
    assert sweep(sessions, storage) == 0
    with pytest.raises(StorageUnavailable, match="cannot be stored just now"):
        want(session, sha256)
    hold_until(utc_now() - timedelta(minutes=1))
    want(session, sha256)
    assert session.scalars(select(ReleasedContent.removing_until)).all() == [None]


def test_a_removal_that_fails_lets_go_of_the_content(
    sessions: sessionmaker[Session],
    session: Session,
    storage: FolderStorage,
    deleted: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sha256 = deleted()

    def fail(*_: object, **__: object) -> bool:
        raise StorageUnavailable("It is away.")

    with monkeypatch.context() as patch:
        patch.setattr(FolderStorage, "discard", fail)
        with pytest.raises(StorageUnavailable):
            sweep(sessions, storage)
    want(session, sha256)
    assert storage.exists(original_key(sha256))


def test_a_content_that_nobody_released_costs_an_upload_one_look(session: Session) -> None:
    with counted_statements(session.get_bind().engine) as statements:
        want(session, "c" * 64)
    assert len(statements) == 1


def test_the_names_of_all_instances_count_whatever_the_session_is_limited_to(
    session: Session, make: Factory, acme: VirtualInstance
) -> None:
    theirs = make.document(make.instance("globex"))
    scope_to_instance(session, acme.id)
    assert session.scalars(select(Document.sha256)).all() == []
    assert named_hashes(session, {theirs.sha256, "b" * 64}) == {theirs.sha256}
