"""Files that no row names: noted when they are old, and then gone like all that was released."""

import os
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.storage import orphan_files
from autotag.media.storage.garbage import ReleasedSweep
from autotag.media.storage.orphan_files import AN_HOUR, PREFIXES, StraySweep
from autotag.media.storage.renditions import thumbnail_key
from autotag.media.storage.storage import FolderStorage, original_key
from autotag.models import ReleasedContent
from tests.unit.conftest import Factory

Keep = Callable[..., str]
DAY = 24 * 60 * 60.0


@pytest.fixture
def stray(storage: FolderStorage) -> Keep:
    """Keeps a file that no row names, as of yesterday unless said otherwise; returns its hash."""

    def stray(sha256: str = "ab" * 32, age: float = DAY, key: Callable[[str], str] = original_key) -> str:
        path = storage.incoming()
        path.write_bytes(b"picture")
        moment = time.time() - age
        os.utime(path, (moment, moment))
        storage.keep(path, key(sha256), durable=False)
        return sha256

    return stray


@pytest.fixture
def sweep(sessions: sessionmaker[Session], storage: FolderStorage) -> StraySweep:
    return StraySweep(sessions, storage)


def noted(sessions: sessionmaker[Session]) -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(ReleasedContent.sha256).order_by(ReleasedContent.sha256)))


def test_a_stray_is_noted_and_goes_with_what_was_released(
    sessions: sessionmaker[Session], storage: FolderStorage, stray: Keep, sweep: StraySweep
) -> None:
    sha256 = stray()
    assert sweep.look("ab") == 1
    assert noted(sessions) == [sha256]
    assert storage.exists(original_key(sha256))  # an hour more, in which the same bytes may be uploaded
    ReleasedSweep(sessions, storage, rest=timedelta(0)).step()
    assert not storage.exists(original_key(sha256))


def test_a_rendition_without_its_original_is_a_stray_too(
    sessions: sessionmaker[Session], stray: Keep, sweep: StraySweep
) -> None:
    sha256 = stray(key=thumbnail_key)
    assert sweep.look("ab") == 1
    assert noted(sessions) == [sha256]


def test_an_upload_on_its_way_and_what_a_document_names_are_left_alone(
    sessions: sessionmaker[Session], make: Factory, stray: Keep, sweep: StraySweep
) -> None:
    stray("ab" * 32, age=60.0)
    make.document(make.instance("acme"), sha256=stray("ab" + "0" * 62))
    assert sweep.look("ab") == 0
    assert noted(sessions) == []


def test_many_are_looked_at_in_parts(
    sessions: sessionmaker[Session], stray: Keep, sweep: StraySweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphan_files, "AT_ONCE", 2)
    hashes = [stray(f"ab{number:062x}") for number in range(5)]
    assert sweep.look("ab") == 5
    assert noted(sessions) == hashes


def test_a_day_of_hours_looks_at_everything_and_a_restart_goes_on_where_it_was(
    sessions: sessionmaker[Session], storage: FolderStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []
    monkeypatch.setattr(StraySweep, "look", lambda _self, prefix: looked_at.append(prefix))
    for hour in range(24):
        monkeypatch.setattr(time, "time", lambda hour=hour: 1_700_000_000.0 + hour * 3600)
        sweep = StraySweep(sessions, storage)
        assert not sweep.step()  # before the hour begins there is nothing to do
        sweep.begin()
        while sweep.step():
            pass
    assert len(looked_at) == 24 * AN_HOUR
    assert set(looked_at) == set(PREFIXES)
