import os
import time
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from structlog.testing import capture_logs

from autotag.guards import Guards
from autotag.media.storage.garbage import release
from autotag.media.storage.storage import FolderStorage, original_key
from autotag.models import IdempotencyKey, ReleasedContent
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.serving.housekeeping import HourlySweep
from tests.conftest import wait_for
from tests.unit.conftest import Factory

YESTERDAY = timedelta(days=1)


@pytest.fixture
def released(sessions: sessionmaker[Session], storage: FolderStorage) -> str:
    """A content whose last document went yesterday."""
    sha256 = "a" * 64
    path = storage.incoming()
    path.write_bytes(b"picture")
    os.utime(path, (0, 0))
    storage.keep(path, original_key(sha256), durable=False)
    with sessions() as session, unit_of_work(session) as work:
        release(work.session, {sha256}, utc_now() - YESTERDAY)
    return sha256


def test_files_that_nobody_names_go_at_the_first_step_and_then_it_rests(
    sessions: sessionmaker[Session], storage: FolderStorage, released: str
) -> None:
    sweep = HourlySweep(sessions, storage)
    assert sweep.step()
    assert not storage.exists(original_key(released))
    while sweep.step():
        pass
    with sessions() as session, unit_of_work(session) as work:
        release(work.session, {released}, utc_now() - YESTERDAY)
    assert not sweep.step()
    with sessions() as session:
        assert session.scalars(select(ReleasedContent.sha256)).all() == [released]


def test_after_its_rest_it_begins_anew(
    sessions: sessionmaker[Session], storage: FolderStorage, released: str
) -> None:
    sweep = HourlySweep(sessions, storage, every=0)
    for _ in range(2):
        while sweep.step():
            pass
    with sessions() as session:
        assert session.scalars(select(ReleasedContent.sha256)).all() == []


def test_strays_are_noted_within_a_day_of_hours(
    sessions: sessionmaker[Session], storage: FolderStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = storage.incoming()
    path.write_bytes(b"nobody's")
    os.utime(path, (0, 0))
    storage.keep(path, original_key("c" * 64), durable=False)
    for hour in range(24):
        monkeypatch.setattr(time, "time", lambda hour=hour: 1_700_000_000.0 + hour * 3600)
        sweep = HourlySweep(sessions, storage)
        while sweep.step():
            pass
    with sessions() as session:
        assert session.scalars(select(ReleasedContent.sha256)).all() == ["c" * 64]


def test_a_file_that_cannot_be_removed_stops_nothing(
    sessions: sessionmaker[Session],
    storage: FolderStorage,
    released: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> bool:
        raise PermissionError("read-only")

    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(FolderStorage, "discard", refuse)
        sweep = HourlySweep(sessions, storage)
        # At some hours it would find the same file, and note it anew.
        sweep.parts["stray files"] = lambda: False
        while sweep.step():
            pass
    failed = [(entry["subject"], entry["error"]) for entry in logs if "subject" in entry]
    assert failed == [("released files", "PermissionError: read-only")]
    assert storage.exists(original_key(released))
    HourlySweep(sessions, storage).step()
    assert not storage.exists(original_key(released))


def test_what_a_killed_sweep_had_set_aside_comes_back_first(
    sessions: sessionmaker[Session], storage: FolderStorage, released: str
) -> None:
    aside = storage.root / "set-aside" / original_key("b" * 64).replace("/", "_")
    aside.parent.mkdir()
    aside.write_bytes(b"still wanted")
    with capture_logs() as logs:
        HourlySweep(sessions, storage).step()
    assert storage.local_path(original_key("b" * 64)).read_bytes() == b"still wanted"
    assert logs[0]["files"] == 1


def test_keys_of_uploads_go_after_a_day(
    sessions: sessionmaker[Session], storage: FolderStorage, make: Factory
) -> None:
    user = make.user(make.instance())
    with sessions() as session, unit_of_work(session) as work:
        for key, made in (("old", utc_now() - YESTERDAY - YESTERDAY), ("new", utc_now())):
            work.session.add(
                IdempotencyKey(
                    instance_id=user.instance_id,
                    user_id=user.id,
                    key=key,
                    request_sha256="a" * 64,
                    created_at=made,
                )
            )
    HourlySweep(sessions, storage).step()
    with sessions() as session:
        assert session.scalars(select(IdempotencyKey.key)).all() == ["new"]


PARTS = (
    "broken uploads",
    "files set aside",
    "old actions",
    "old keys",
    "old deliveries",
    "old sign-ins",
    "released files",
    "stray files",
)


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_raises_stops_no_other_and_is_tried_again(
    sessions: sessionmaker[Session], storage: FolderStorage, name: str
) -> None:
    guards = Guards(longest_pause=0.05)
    sweep = HourlySweep(sessions, storage, guards=guards)
    assert tuple(sweep.parts) == PARTS
    done: list[str] = []
    for part in PARTS:
        sweep.parts[part] = partial(done.append, part)

    def fail() -> None:
        done.append(name)
        raise KeyError("unexpected")

    sweep.parts[name] = fail
    while sweep.step():
        pass
    assert sorted(done) == sorted(PARTS)
    assert [(step.step, step.subject) for step in guards.failing()] == [("sweep", name)]
    sweep.parts[name] = partial(done.append, name)
    wait_for(lambda: not sweep.step() and not guards.failing(), "the next try")
    assert sorted(done) == sorted([*PARTS, name]), "only what failed is done again"
