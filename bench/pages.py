"""Server time of each page that lists, with 1,000 documents and with 100,000, in the same run.

The application is called in this process, as the web server calls it, for a person who is signed in: no network, no
browser. Both installations are asked in turns, so that what the machine does besides meets both; the time of the
processor is without that. Each page has to answer within 100 ms, and at 100,000 documents within twice its time at
1,000. `bare` is what nobody can go below on this machine: 60 rows read through an index by the driver alone, and an
empty page from Jinja.
"""

from __future__ import annotations

import argparse
import gc
import logging
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import seed
import structlog
from flask import Flask, render_template_string
from installation import finish, wait_for
from redis.exceptions import RedisError
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.test import EnvironBuilder, run_wsgi_app

from autotag import create_app
from autotag.config import Config
from autotag.instances.people import open_session
from autotag.media.library.library import write_cursor
from autotag.media.library.query import Order
from autotag.models import Document, Folder, Role, Tag, User, schema
from autotag.models.engine import build_session_factory, sqlite_module
from autotag.models.unit_of_work import unit_of_work
from autotag.serving.broker import broker_command
from autotag.tagging.queueing.queue import connect

SMALL, LARGE = 1_000, 100_000
PAGE = 60
FAR = 500
TARGET_MILLISECONDS = 100.0
TARGET_RATIO = 2.0
WARM_UP = 3


@dataclass(frozen=True, slots=True)
class Site:
    """A seeded installation of one size: its application, the cookie of a person, and the addresses to ask.

    `documents` are those of the instance that is asked, `total` those of all.
    """

    documents: int
    total: int
    app: Flask
    cookie: str
    paths: dict[str, str]

    def ask(self, path: str) -> tuple[float, float, bytes]:
        """Return the milliseconds that the application took for a page, by the clock and of the processor; the page."""
        builder = EnvironBuilder(path=path, base_url="http://localhost/", headers={"Cookie": self.cookie})
        environment = builder.get_environ()
        begin, begin_processor = time.perf_counter(), time.thread_time()
        body, status, _ = run_wsgi_app(self.app.wsgi_app, environment, buffered=True)
        content = b"".join(body)
        milliseconds = (time.perf_counter() - begin) * 1000
        processor = (time.thread_time() - begin_processor) * 1000
        builder.close()
        if not status.startswith("200"):
            raise RuntimeError(f"{path} answered {status}")
        return milliseconds, processor, content

    def has(self, name: str) -> bool:
        """Whether there is such a page, which is another one than the plain list."""
        path = self.paths[name]
        try:
            self.app.url_map.bind("localhost").match(path.partition("?")[0], "GET")
        except HTTPException:
            return False
        plain = self.paths["list"]
        return path == plain or self.words(path) != self.words(plain)

    def words(self, path: str) -> bytes:
        """Return a page without the token that is another one each time."""
        return re.sub(rb'name="csrf_token" value="[^"]+"', b"", self.ask(path)[2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--requests", type=int, default=40, help="how often each page is asked for")
    parser.add_argument("--documents", type=int, default=LARGE, help="size of the larger installation")
    parser.add_argument(
        "--folder", type=Path, help="keep the installations here, or use those that are there"
    )
    parser.add_argument("--instances", type=int, default=1, help="instances of both installations")
    parser.add_argument(
        "--elsewhere", type=int, default=0, help="documents in each of the larger one's other instances"
    )
    options = parser.parse_args()
    # What is measured is not what a line on the terminal takes.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with work_folder(options.folder) as folder, broker(folder) as broker_url:
        # As many instances in both, with proportionate numbers of documents: what is asked is what documents cost.
        small, large = (
            open_site(
                folder,
                documents,
                broker_url,
                instances=options.instances,
                elsewhere=round(options.elsewhere * documents / options.documents),
            )
            for documents in (SMALL, options.documents)
        )
        # As the web server does.
        gc.freeze()
        result = measure(small, large, options.requests)
    print_result(result)
    finish(result, options.json)


def measure(small: Site, large: Site, requests: int) -> dict[str, Any]:
    """Ask both sites for each of their pages in turns; return the figures, and which pages miss a target."""
    names = [name for name in small.paths if large.has(name)]
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in names}
    processor: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in names}
    bare: list[float] = []
    for turn in range(WARM_UP + requests):
        for name in names:
            for index, site in enumerate((small, large)):
                by_clock, of_processor, _ = site.ask(site.paths[name])
                if turn >= WARM_UP:
                    times[name][index].append(by_clock)
                    processor[name][index].append(of_processor)
        if turn >= WARM_UP:
            bare.append(measure_bare(large))
    pages = {
        name: figures(*found)
        | {"small_processor": median(processor[name][0]), "large_processor": median(processor[name][1])}
        for name, found in times.items()
    }
    return {
        "small": small.documents,
        "large": large.documents,
        "total": large.total,
        "requests": requests,
        "bare": round(statistics.median(bare), 3),
        "pages": pages,
        "absent": [name for name in small.paths if name not in names],
        "missed": [name for name, found in pages.items() if not found["met"]],
    }


def figures(small: Sequence[float], large: Sequence[float]) -> dict[str, Any]:
    """Return median and 95th percentile at both sizes, their ratio, and whether both targets are met."""
    medians = statistics.median(small), statistics.median(large)
    ratio = medians[1] / medians[0]
    return {
        "small_median": round(medians[0], 1),
        "small_p95": round(percentile_95(small), 1),
        "large_median": round(medians[1], 1),
        "large_p95": round(percentile_95(large), 1),
        "ratio": round(ratio, 2),
        "met": percentile_95(large) <= TARGET_MILLISECONDS and ratio <= TARGET_RATIO,
    }


def median(values: Sequence[float]) -> float:
    return round(statistics.median(values), 1)


def percentile_95(values: Sequence[float]) -> float:
    return sorted(values)[round(0.95 * (len(values) - 1))]


def measure_bare(site: Site) -> float:
    """Return the milliseconds of the least that a page of 60 rows can take: the driver's SELECT, an empty page."""
    path = site.app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")
    connection = sqlite_module().connect(path)
    statement = (
        "SELECT * FROM document WHERE instance_id = 1 AND deleted_at IS NULL ORDER BY id DESC LIMIT 60"
    )
    connection.execute(statement).fetchall()
    with site.app.test_request_context():
        render_template_string("")
        begin = time.perf_counter()
        connection.execute(statement).fetchall()
        render_template_string("")
        milliseconds = (time.perf_counter() - begin) * 1000
    connection.close()
    return milliseconds


def open_site(
    folder: Path, documents: int, broker_url: str, *, instances: int = 1, elsewhere: int = 0
) -> Site:
    """Seed an installation, unless it is there, and sign the administrator of its default instance in."""
    instance_path = folder / f"{documents}-{instances}"
    instance_path.mkdir(exist_ok=True)
    config = Config.from_environment(
        {"AUTOTAG_INSTANCE_PATH": str(instance_path), "AUTOTAG_REDIS_URL": broker_url}
    )
    sessions = build_session_factory(config.database_url, durable=False)
    with sessions() as session:
        schema.upgrade(session.get_bind().engine)
        if session.scalar(select(func.count(Document.id))) == 0:
            seed.fill(sessions, documents=documents, instances=instances, elsewhere=elsewhere)
    # In a transaction of its own, which sees what was seeded.
    with sessions() as session, unit_of_work(session) as work:
        total = work.session.scalar(select(func.count(Document.id))) or 0
        person = sign_up(work.session)
        token = open_session(work, person, address="127.0.0.1", browser="bench")
        paths = addresses(work.session, person.instance_id)
    app = create_app(config)
    serializer = app.session_interface.serializer_for(app, "localhost")  # type: ignore[attr-defined]
    cookie = serializer.dumps({"_user_id": token, "_fresh": True})
    return Site(documents, total, app, f"{app.config['SESSION_COOKIE_NAME']}={cookie}", paths)


def sign_up(session: Session) -> User:
    """Return the administrator of the default instance, which is seeded first."""
    email = "admin@localhost"
    found = session.scalar(select(User).where(User.instance_id == 1, User.email == email))
    if found is None:
        found = User(instance_id=1, email=email, role=Role.SYSTEM_ADMINISTRATOR)
        found.password_hash = "no password fits"  # noqa: S105 - as it says
        session.add(found)
        session.flush()
    return found


def addresses(session: Session, instance_id: int) -> dict[str, str]:
    """Return the addresses to ask for, by what they show."""
    here = Document.instance_id == instance_id, Document.deleted_at.is_(None)
    newest = session.scalars(select(Document).where(*here).order_by(Document.id.desc()).limit(1)).one()
    owner = session.scalars(
        select(User.id).where(User.instance_id == instance_id, User.email == "person3@example.test")
    ).one()
    folder = session.scalars(
        select(Folder.id).where(Folder.instance_id == instance_id).order_by(Folder.id).limit(1)
    ).one()
    common = session.scalars(
        select(Tag.id).where(Tag.instance_id == instance_id, Tag.name == seed.COMMON_TAG)
    ).one()
    listed: list[tuple[str, dict[str, object]]] = [
        ("list", {}),
        ("list by name", {"order": "name"}),
        ("list by size", {"order": "largest"}),
        ("list as a table", {"view": "table"}),
        ("common tag", {"tag": seed.COMMON_TAG}),
        ("common tag by name", {"tag": seed.COMMON_TAG, "order": "name"}),
        ("rare tag", {"tag": seed.RARE_TAG}),
        ("state failed", {"state": "failed"}),
        ("type", {"type": "image/*"}),
        ("owner", {"owner": owner}),
        ("folder", {"folder": folder}),
        ("untagged", {"untagged": 1}),
        ("common tag, failed", {"tag": seed.COMMON_TAG, "state": "failed"}),
        ("search, common", {"q": seed.COMMON_TAG}),
        ("search, rare", {"q": seed.RARE_TAG}),
        # Fills its page with 1,000 documents as well, so that like is compared with like.
        ("search, two common words", {"q": f"{seed.COMMON_TAG} jpg"}),
        ("search, two words", {"q": "harbour morning"}),
        ("search by name", {"q": "harbour", "order": "name"}),
        (f"page {FAR}", {"cursor": far_cursor(session, here)}),
    ]
    return {name: f"/documents?{urlencode(values)}" for name, values in listed} | {
        "document": f"/documents/{newest.id}",
        "recycle bin": "/recycle-bin",
        "tags": "/tags",
        "tags, search": "/tags?q=dog",
        "tag page": f"/tags/{common}",
        "runs": "/runs",
        "operations": "/control-panel/operations",
    }


def far_cursor(session: Session, here: tuple[Any, ...]) -> str:
    """Return the cursor of page 500, or of the last page where there are not as many."""
    total = session.scalar(select(func.count()).select_from(Document).where(*here)) or 0
    before = min((FAR - 1) * PAGE, total - PAGE) - 1
    last = session.scalars(
        select(Document).where(*here).order_by(Document.id.desc()).offset(before).limit(1)
    ).one()
    return write_cursor(Order.NEWEST, last)


@contextmanager
def work_folder(kept: Path | None) -> Iterator[Path]:
    """Give the folder that was named, or one with a short path (the broker's socket lies in it) that is removed."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="at-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def broker(folder: Path) -> Iterator[str]:
    """Run a broker as the product does, and give its address."""
    socket = folder / "broker.sock"
    url = f"unix://{socket}"
    process = subprocess.Popen(broker_command(folder, socket), stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: answers(url), "the start of the broker")
        yield url
    finally:
        process.terminate()
        process.wait()


def answers(url: str) -> bool:
    with connect(url) as client:
        try:
            return bool(client.ping())
        except RedisError:
            return False


def print_result(result: dict[str, Any]) -> None:
    """Print the table of all pages, in milliseconds."""
    small, large = f"{result['small']:,}", f"{result['large']:,}"
    print(f"Server time in ms, {result['requests']} requests each; documents: {small} and {large}")
    print(f"  {'page':<22}{small:>9}{'p95':>8}{large:>10}{'p95':>8}{'ratio':>8}{'processor':>18}")
    for name, found in result["pages"].items():
        columns: tuple[tuple[str, int, Callable[[float], str]], ...] = (
            ("small_median", 9, "{:.1f}".format),
            ("small_p95", 8, "{:.1f}".format),
            ("large_median", 10, "{:.1f}".format),
            ("large_p95", 8, "{:.1f}".format),
            ("ratio", 8, "{:.2f}".format),
        )
        line = "".join(f"{write(found[key]):>{width}}" for key, width, write in columns)
        work = f"{found['small_processor']:.1f} / {found['large_processor']:.1f}"
        print(f"  {name:<22}{line}{work:>18}{'' if found['met'] else '  misses its target'}")
    print(f"  bare (60 rows, empty page): {result['bare']:.2f} ms")
    if result["absent"]:
        print(f"  not there yet: {', '.join(result['absent'])}")


if __name__ == "__main__":
    main()
