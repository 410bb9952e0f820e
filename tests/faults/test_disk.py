"""The disk is full, read-only or broken, or no file can be opened: said clearly, nothing lost, and then it goes on.

Each test spoils a child process only: its mounts, its limits.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from autotag import create_app
from autotag.config import Config
from autotag.media.storage.storage import FolderStorage, original_key
from autotag.models import Document, Role, User
from autotag.models.engine import build_session_factory
from tests.faults.conftest import InChild, Mounts
from tests.faults.site import Site
from tests.unit.blueprints.conftest import Browser
from tests.unit.conftest import Factory

JSON = {"Accept": "application/json"}
CLEAR = {503, 507}
"""What a machine in trouble may answer: try again, or no room."""


@dataclass
class Uploader:
    """A person who uploads, and notes what was acknowledged."""

    browser: Browser
    storage: FolderStorage

    def send(self, content: bytes, *, script: bool = True) -> tuple[int, str]:
        # Put together here: the test client would use temporary files of its own.
        body = b"\r\n".join(
            [
                b'--part\r\nContent-Disposition: form-data; name="csrf_token"\r\n',
                self.browser._token.encode(),
                b'--part\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n',
                content,
                b"--part--\r\n",
            ]
        )
        answer = self.browser.client.post(
            "/documents",
            input_stream=BytesIO(body),
            content_length=len(body),
            content_type="multipart/form-data; boundary=part",
            base_url="http://acme.localhost/",
            headers=JSON if script else {},
        )
        return answer.status_code, answer.text

    def incoming(self) -> list[str]:
        return [path.name for path in (self.storage.root / "incoming").iterdir()]


Build = Callable[[Config], Uploader]


@pytest.fixture
def uploader(make: Factory, sign_in: Callable[[FlaskClient, User, str], None]) -> Build:
    """Builds the application, in the child, for a person who is signed in already."""
    acme = make.instance("acme")
    user = make.user(acme, Role.EDITOR)
    token = make.token(user)

    def build(config: Config) -> Uploader:
        app = create_app(config)
        app.config["PROPAGATE_EXCEPTIONS"] = False
        client = app.test_client()
        with client.session_transaction(base_url="http://acme.localhost/") as cookie:
            cookie["_user_id"], cookie["_fresh"] = token, True
        browser = Browser(client, user, "acme.localhost")
        browser.post("/documents")  # fetches the form's token
        return Uploader(browser, FolderStorage(config.storage_path))

    return build


def stored(sessions: sessionmaker[Session], storage: FolderStorage) -> int:
    """How many documents there are; each has its file."""
    with sessions() as session:
        hashes = session.scalars(select(Document.sha256)).all()
    assert all(storage.exists(original_key(sha256)) for sha256 in hashes)
    return len(hashes)


@pytest.fixture
def mounts(can_mount: bool, absent: Callable[[str], None]) -> None:
    if not can_mount:
        absent("this machine lets nobody mount anything")


def test_a_file_that_finds_no_room_is_refused_and_the_next_one_is_taken(
    uploader: Build, config: Config, sessions: sessionmaker[Session], in_child: InChild
) -> None:
    def upload() -> list[Any]:
        person = uploader(config)
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, most))
        refused = person.send(os.urandom(400_000))
        page = person.send(os.urandom(400_000), script=False)
        left = person.incoming()
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        return [refused, page, left, person.send(os.urandom(400_000))]

    refused, page, left, taken = in_child(upload)
    assert refused[0] == 507
    assert "could not be stored: File too large" in refused[1]
    assert page[0] == 303  # the page after it names the file and says why
    assert left == []
    assert taken[0] == 201
    assert stored(sessions, FolderStorage(config.storage_path)) == 1


@pytest.mark.sqlite
@pytest.mark.usefixtures("mounts")
def test_a_full_disk_below_everything_is_said_clearly_and_over_when_there_is_room(
    uploader: Build, config: Config, tmp_path: Path, in_child: InChild
) -> None:
    """Database, files and what is received lie on the same disk, with a little more room at each try."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def upload() -> dict[str, Any]:
        Mounts().small(disk, 8 << 20)
        for path in tmp_path.glob("autotag.sqlite*"):
            shutil.copyfile(path, disk / path.name)
        on_disk = replace(
            config, database_url=f"sqlite:///{disk / 'autotag.sqlite'}", storage_path=disk / "files"
        )
        tempfile.tempdir = str(disk)
        person = uploader(on_disk)
        sessions = build_session_factory(on_disk.database_url)
        answers, acknowledged = [], 0
        for pages in range(0, 60, 4):
            _fill(disk, leave=pages * 4096)
            for size in (3_000, 900_000):
                status, said = person.send(os.urandom(size))
                acknowledged += status == 201
                answers.append((status, said if status != 201 else ""))
            (disk / "filler").unlink()
        last = person.send(os.urandom(900_000))
        count = stored(sessions, FolderStorage(on_disk.storage_path))
        return {
            "answers": answers,
            "last": last,
            "counts": [acknowledged + 1, count],
            "left": person.incoming(),
        }

    found = in_child(upload)
    refused = [(status, said) for status, said in found["answers"] if status != 201]
    assert refused
    assert {status for status, _ in refused} <= CLEAR, refused
    assert found["last"][0] == 201
    assert found["counts"][0] == found["counts"][1]
    assert found["left"] == []


def _fill(disk: Path, leave: int) -> None:
    """Leave so many bytes of a file system."""
    room = os.statvfs(disk)
    with (disk / "filler").open("wb") as filler:
        filler.write(bytes(max(0, room.f_bavail * room.f_frsize - leave)))


@pytest.mark.usefixtures("mounts")
def test_a_read_only_disk_refuses_uploads_and_shows_what_is_there(
    uploader: Build, config: Config, sessions: sessionmaker[Session], in_child: InChild
) -> None:
    folder = config.storage_path
    folder.mkdir()

    def upload() -> list[Any]:
        person = uploader(config)
        before = person.send(b"before")
        mounts = Mounts()
        mounts.read_only(folder)
        refused = person.send(b"meanwhile")
        shown = person.browser.get("/documents").status_code
        mounts.undo(folder)
        return [before[0], refused, shown, person.send(b"meanwhile")[0]]

    before, refused, shown, after = in_child(upload)
    assert (before, shown, after) == (201, 200, 201)
    assert refused[0] == 507
    assert "Read-only file system" in refused[1]
    assert stored(sessions, FolderStorage(folder)) == 2


@pytest.mark.usefixtures("mounts")
def test_a_worker_whose_disk_is_read_only_waits_for_it(site: Site, in_child: InChild) -> None:
    site.upload("one")

    def work() -> list[Any]:
        mine = Site(site.folder, site.broker)
        mounts = Mounts()
        mounts.read_only(mine.files)
        mine.work()
        waiting = mine.document("one")
        mounts.undo(mine.files)
        mine.let_retries_be_due()
        mine.go_on()
        return [waiting.tagging_state, waiting.tagging_reason, mine.document("one").tagging_state]

    state, reason, after = in_child(work)
    assert state == "queued"
    assert "it is tried again" in reason
    assert "Read-only file system" in reason
    assert after == "tagged"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_what_a_disk_does_not_sync_is_not_acknowledged(
    uploader: Build, config: Config, sessions: sessionmaker[Session], in_child: InChild, number: int
) -> None:
    def upload() -> list[Any]:
        person = uploader(config)
        sync, calls = os.fsync, [0]

        def fail(descriptor: int) -> None:
            calls[0] += 1
            if calls[0] == number:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            sync(descriptor)

        os.fsync = fail
        refused = person.send(b"not safe")
        with sessions() as session:
            rows = session.scalar(select(func.count(Document.id)))
        os.fsync = sync
        return [refused, rows, person.send(b"not safe")[0]]

    refused, rows, after = in_child(upload)
    assert refused[0] == 507
    assert "Input/output error" in refused[1]
    assert rows == 0
    assert after == 201
    assert stored(sessions, FolderStorage(config.storage_path)) == 1


def test_with_too_many_open_files_every_answer_is_clear_and_then_all_works_again(
    uploader: Build, config: Config, sessions: sessionmaker[Session], in_child: InChild
) -> None:
    def upload() -> dict[str, Any]:
        person = uploader(config)
        assert person.send(b"warm")[0] == 201
        assert person.browser.get("/documents").status_code == 200
        most = resource.getrlimit(resource.RLIMIT_NOFILE)
        highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
        answers, acknowledged = [], 1
        for more in range(14):
            spare = [os.open("/dev/null", os.O_RDONLY) for _ in range(highest + 1)]
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(spare) + 1 + more, most[1]))
            for size in (10, 900_000):
                status, said = person.send(os.urandom(size))
                acknowledged += status == 201
                answers.append((more, status, said if status != 201 else ""))
            page = person.browser.get("/documents")
            answers.append((more, 201 if page.status_code == 200 else page.status_code, page.text[-200:]))
            resource.setrlimit(resource.RLIMIT_NOFILE, most)
            for descriptor in spare:
                os.close(descriptor)
        last = person.send(b"last")[0]
        return {"answers": answers, "last": last, "acknowledged": acknowledged + 1}

    found = in_child(upload)
    refused = [(more, status, said) for more, status, said in found["answers"] if status != 201]
    assert refused
    assert {status for _, status, _ in refused} <= CLEAR, refused
    assert found["last"] == 201
    assert stored(sessions, FolderStorage(config.storage_path)) == found["acknowledged"]
