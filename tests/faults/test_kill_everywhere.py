"""A process dies at each step that changes the outside world, on each road; what is there afterwards is sound.

See `fail_points` for what a step is, `roads` for what is done, `invariants` for what has to hold. After each death the
parts start again as they really do; then all is sound and at rest, what was acknowledged is there, and taking the road
again ends as it would have ended without the death.

`FAULTS=every` (as `make faults` sets it) kills at every point. Otherwise, because that costs minutes, each road is
killed at two points: where it has done half of its steps, and at its last one. The names of the tests say which of the
two they did.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import text

from autotag.tagging.bulk import actions as bulk_actions
from autotag.tagging.bulk import undo as bulk_undo
from autotag.tagging.runs import lifecycle
from autotag.tagging.runs import scheduler_step as run_tending
from autotag.tagging.runs import undo as run_undo
from autotag.tagging.tags import merge as tag_merging
from tests.faults.conftest import fork
from tests.faults.fail_points import FailPoints
from tests.faults.invariants import assert_sound
from tests.faults.roads import ROADS, Road
from tests.faults.site import Site, make_site

LONGEST_SECONDS = 120
"""A child may take so long; only one that hangs does."""

EVERY, TWO = "every", "two-points"

NEVER = 0
"""The number of no point: the road is taken to its end."""


@dataclass(frozen=True)
class Life:
    """What a child did: how it ended, its steps, and what it said was done."""

    code: int
    steps: list[str]
    acknowledged: set[str]


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three documents are many: what is done in parts has several."""
    monkeypatch.setattr(bulk_actions, "AT_ONCE", 2)
    monkeypatch.setattr(bulk_undo, "AT_ONCE", 2)
    for module in (run_tending, run_undo, lifecycle):
        monkeypatch.setattr(module, "CHUNK", 2)
    monkeypatch.setattr(tag_merging, "PART", 2)


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory, broker_socket: Path, toy_models: Path) -> Path:
    """The folder of a site with three tagged documents, to be copied."""
    folder = tmp_path_factory.mktemp("furnished") / "site"
    with Redis(unix_socket_path=str(broker_socket)) as broker:
        broker.flushall()
        site = make_site(folder, toy_models, broker)
        for name in ("one", "two", "three"):
            site.upload(name)
        site.go_on()
        site.restart()
        assert_sound(site.sessions.kw["bind"], site.files)
        site.close()
    return folder


def take(road: Road, folder: Path, broker: Redis, fatal: int) -> Life:
    """Take a road in a child, to its end or to its death at a point; read what it told on the way."""
    reading, writing = os.pipe()
    child = fork()
    if not child:
        os.close(reading)
        _live(road, folder, broker, fatal, writing)
    os.close(writing)
    with os.fdopen(reading) as told:
        lines = told.read().splitlines()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Life(
        code,
        [line[1:] for line in lines if line.startswith("-")],
        {line[1:] for line in lines if line.startswith("+")},
    )


def _live(road: Road, folder: Path, broker: Redis, fatal: int, writing: int) -> None:
    """The child's life; it never returns."""
    try:
        signal.alarm(LONGEST_SECONDS)
        broker.connection_pool.reset()
        site = Site(folder, broker)
        points = FailPoints(fatal, folder, lambda name: os.write(writing, f"-{name}\n".encode()) and None)
        site.step = points.step
        site.acknowledge = lambda name: os.write(writing, f"+{name}\n".encode()) and None
        points.arm()
        road.take(site)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def picture_of(site: Site) -> dict[str, object]:
    """All that a person could see of a site, without the numbers and times that differ from one life to another."""
    queries = {
        "documents": "SELECT d.title, d.file_name, d.sha256, d.version_number, d.tagging_state, d.tagging_reason_code,"
        " d.deleted_at IS NULL, d.deleted_from, d.width, coalesce(f.name, ''), coalesce(p.name, '')"
        " FROM document d LEFT JOIN folder f ON f.id = d.folder_id LEFT JOIN folder p ON p.id = f.parent_id",
        "tags": "SELECT d.title, coalesce(d.folder_id, 0) > 0, t.name, a.source, a.provider, a.confidence,"
        " a.run_id IS NULL FROM tag_assignment a"
        " JOIN tag t ON t.id = a.tag_id JOIN document d ON d.id = a.document_id",
        "names": "SELECT name, created_by_run_id IS NULL FROM tag",
        "removed": "SELECT d.title, r.normalized_name FROM tag_rejection r JOIN document d ON d.id = r.document_id",
        "versions": "SELECT d.title, v.number, v.sha256 FROM document_version v"
        " JOIN document d ON d.id = v.document_id",
        "runs": "SELECT r.state, r.total, i.state, count(*) FROM tagging_run r"
        " JOIN tagging_run_item i ON i.run_id = r.id GROUP BY r.id, i.state",
        "folders": "SELECT name FROM folder",
    }
    with site.sessions() as session:
        found: dict[str, object] = {
            name: sorted(tuple(row) for row in session.execute(text(query)))
            for name, query in queries.items()
        }
    found["files"] = sorted(
        str(path.relative_to(site.files)) for path in site.files.rglob("*") if path.is_file()
    )
    return found


class Course:
    """A road on a site that is prepared for it, as often as it is asked for."""

    def __init__(self, road: Road, furnished: Path, folder: Path, broker: Redis) -> None:
        self.road = road
        self.broker = broker
        self._start = folder / "start"
        self._folder = folder
        shutil.copytree(furnished, self._start)
        broker.flushall()
        site = Site(self._start, broker)
        road.prepare(site)
        site.close()
        self._jobs = {key: broker.dump(key) for key in broker.scan_iter()}
        self.unharmed = self._unharmed()

    def _fresh(self, name: str) -> Path:
        folder = self._folder / name
        shutil.copytree(self._start, folder)
        self.broker.flushall()
        for key, dumped in self._jobs.items():
            self.broker.restore(key, 0, dumped)
        return folder

    def _unharmed(self) -> tuple[Life, dict[str, object]]:
        folder = self._fresh("unharmed")
        life = take(self.road, folder, self.broker, NEVER)
        assert life.code == 0
        return life, self._again(folder, life, "nobody died")

    def _again(self, folder: Path, life: Life, what: str) -> dict[str, object]:
        """Start again, look, take the road once more; return how it ended."""
        site = Site(folder, self.broker)
        try:
            site.restart()
            assert_sound(site.sessions.kw["bind"], site.files)
            with site.sessions() as session:
                there = set(session.scalars(text("SELECT file_name FROM document_version")))
            assert life.acknowledged <= there, (
                f"{what}: {life.acknowledged - there} was acknowledged and is gone"
            )
            self.road.take(site)
            site.restart()
            assert_sound(site.sessions.kw["bind"], site.files)
            return picture_of(site)
        finally:
            site.close()
            shutil.rmtree(folder)

    def die_at(self, point: int) -> str:
        """Let a child die at a point; return which step that was, "" when the road was over before."""
        folder = self._fresh(f"dead-{point}")
        life = take(self.road, folder, self.broker, point)
        if life.code == 0:
            shutil.rmtree(folder)
            return ""
        what = f"{self.road.name}, killed at point {point} ({', '.join(life.steps[-3:])})"
        assert life.code == -signal.SIGKILL, f"{what}: ended with {life.code}"
        try:
            ended = self._again(folder, life, what)
        except Exception as error:
            raise AssertionError(f"{what}: {error}") from error
        for name, rows in ended.items():
            assert rows == self.unharmed[1][name], what
        return life.steps[-1]


@pytest.mark.parametrize("points", [EVERY if os.environ.get("FAULTS") == EVERY else TWO])
@pytest.mark.parametrize("road", ROADS, ids=lambda road: road.name.replace(" ", "-"))
def test_a_death_at_any_point_leaves_a_sound_whole(
    road: Road,
    points: str,
    furnished: Path,
    tmp_path: Path,
    broker: Redis,
    request: pytest.FixtureRequest,
) -> None:
    course = Course(road, furnished, tmp_path, broker)
    steps = course.unharmed[0].steps
    assert steps
    if points == TWO:
        assert sum(bool(course.die_at(point)) for point in sorted({(len(steps) + 1) // 2, len(steps)}))
        return
    point = 1
    while course.die_at(point):
        point += 1
    # A child that dies sees the same steps as one that lives; the worker's threads may change their order.
    assert point > 1
    request.node.user_properties.append(("points", point - 1))
