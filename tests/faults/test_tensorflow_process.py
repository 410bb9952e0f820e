"""The TensorFlow process dies on purpose: counted, disabled, enabled again, and never at the cost of others.

The deaths are put in by a `sitecustomize` that the inference child finds on its PYTHONPATH. Without the files
that the tests put beside it, it does nothing; in any other process it does nothing at all.
"""

from __future__ import annotations

import html
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from bs4 import BeautifulSoup
from bs4 import Tag as Element
from sqlalchemy.orm import Session

from autotag.tagging.provider_health.process_breaker import process_health

if TYPE_CHECKING:
    from tests.conftest import Installation, Tenant

MARK = b"kill the process that reads this"
RELAUNCHES = 2
PROCESS_PAGE = "/control-panel/system-settings/tensorflow-process"
HOOK = f"""
import os, signal, sys
from pathlib import Path

if "autotag.inference" in sys.orig_argv:
    folder = Path(__file__).parent

    def note(what):
        with (folder / "notes").open("a") as notes:
            notes.write(f"{{what}} {{os.getpid()}}\\n")

    from autotag.inference.process.server import ImageWorker
    process = ImageWorker.process

    def hooked(self, request):
        if request.model is not None:
            note("asked")
            if (folder / "die-always").exists() or {MARK!r} in Path(request.path).read_bytes():
                os.kill(os.getpid(), signal.SIGKILL)
        return process(self, request)

    ImageWorker.process = hooked
"""

Pictures = Callable[[int], list[bytes]]


@dataclass(frozen=True, slots=True)
class Injection:
    """The hook's folder: what it noted, and the switch that lets the process die at each image."""

    folder: Path

    def let_die(self, *, always: bool) -> None:
        switch = self.folder / "die-always"
        if always:
            switch.touch()
        else:
            switch.unlink(missing_ok=True)

    def forget(self) -> None:
        (self.folder / "notes").unlink(missing_ok=True)

    def processes(self) -> Counter[int]:
        """The processes that were asked to classify, each with how many images."""
        notes = self.folder / "notes"
        lines = notes.read_text().splitlines() if notes.exists() else []
        return Counter(int(line.split()[1]) for line in lines)


@pytest.fixture(scope="module")
def hook() -> Iterator[Injection]:
    folder = Path(tempfile.mkdtemp(prefix="at-hook-"))
    (folder / "sitecustomize.py").write_text(HOOK)
    yield Injection(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def fragile(
    start_installation: Callable[..., Installation], hook: Injection, google: Any, microsoft: Any
) -> Installation:
    """One worker whose TensorFlow process can be made to die."""
    return start_installation(
        1,
        PYTHONPATH=str(hook.folder),
        AUTOTAG_GOOGLE_VISION_URL=google.address,
        AUTOTAG_ALLOWED_PRIVATE_HOSTS=microsoft.host,
    )


@pytest.fixture
def injection(hook: Injection, fragile: Installation) -> Iterator[Injection]:
    """The hook at rest, and a process that nothing was ever held against."""
    hook.let_die(always=False)
    limits = {"maximum_number_of_relaunches": 5, "maximum_number_of_relaunches_time_interval": 60}
    fragile.configure("tensorflow-process", **limits)
    hook.forget()
    yield hook
    hook.let_die(always=False)


def upload(tenant: Tenant, contents: list[bytes]) -> list[int]:
    return [tenant.client.upload(f"{number}.jpg", content) for number, content in enumerate(contents)]


def process_state(installation: Installation) -> dict[str, Any]:
    """The row about the process; empty while it has never died."""
    rows = installation.database.rows("SELECT * FROM process_state")
    return dict(rows[0]) if rows else {}


def crashes(installation: Installation) -> int:
    number: int = process_state(installation).get("crashes", 0)
    return number


def providers_of_tags(installation: Installation, ids: list[int]) -> dict[int, set[str]]:
    rows = installation.database.rows(
        "SELECT document_id, provider FROM tag_assignment WHERE document_id IN :ids", ids=ids
    )
    found: dict[int, set[str]] = {key: set() for key in ids}
    for row in rows:
        found[row["document_id"]].add(row["provider"])
    return found


def test_a_process_that_dies_at_each_image_is_started_three_times_and_then_disabled_until_enabled_again(
    fragile: Installation,
    injection: Injection,
    google: Any,
    microsoft: Any,
    make_pictures: Pictures,
) -> None:
    tenant = fragile.tenant("unlucky")
    fragile.configure("tensorflow-process", maximum_number_of_relaunches=RELAUNCHES)
    tenant.configure("tensorflow", enabled="true", confidence_threshold=0)
    google.labels, microsoft.labels = [("from google", 0.9)], [("from microsoft", 0.8)]
    cloud = ("google-cloud-vision", "microsoft-cognitive-services")
    tenant.configure(cloud[0], api_key=google.key, enabled="true")
    tenant.configure(cloud[1], api_endpoint=microsoft.address, api_key=microsoft.key, enabled="true")
    injection.let_die(always=True)
    ids = upload(tenant, make_pictures(12))
    expect_disabled_after_three_starts(tenant, injection, ids)
    assert all(found == set(cloud) for found in providers_of_tags(fragile, ids).values())
    assert len(waiting_for_the_process(tenant, ids)) >= 12 - RELAUNCHES

    # Enabled too early: those that waited are handed out many at a time, and still only three starts follow.
    injection.forget()
    fragile.configure("tensorflow-process", maximum_number_of_relaunches=RELAUNCHES)
    expect_disabled_after_three_starts(tenant, injection, ids)

    waiting = waiting_for_the_process(tenant, ids)
    assert len(waiting) >= 12 - 2 * RELAUNCHES
    reason = fragile.database.document(waiting[0])["tagging_reason"]
    assert "disabled" in reason
    assert reason in html.unescape(tenant.client.get(f"/documents/{waiting[0]}").text)
    assert fragile.log().count("TensorFlow process disabled") == 2

    injection.let_die(always=False)
    press_enable_again(fragile)
    fragile.wait_final(waiting)
    assert fragile.database.states(waiting) == {"tagged": len(waiting)}
    assert all(found == {"tensorflow", *cloud} for found in providers_of_tags(fragile, waiting).values())
    assert crashes(fragile) == 0


def press_enable_again(installation: Installation) -> None:
    """Find the button on the process's page, and press it."""
    client = installation.client()
    page = BeautifulSoup(client.get(PROCESS_PAGE).text, "html.parser")
    button = page.find("button", string=re.compile("Enable again"))
    assert isinstance(button, Element)
    form = button.find_parent("form")
    assert isinstance(form, Element)
    sent = {field["name"]: field["value"] for field in form.find_all("input")}
    assert client.post(form["action"], data=sent, allow_redirects=False).status_code == 303


def waiting_for_the_process(tenant: Tenant, ids: list[int]) -> list[int]:
    rows = tenant.installation.database.rows(
        "SELECT id FROM document WHERE id IN :ids AND tagging_state = 'queued'"
        " AND tagging_reason_code = 'process_disabled'",
        ids=ids,
    )
    return [row["id"] for row in rows]


def expect_disabled_after_three_starts(tenant: Tenant, injection: Injection, ids: list[int]) -> None:
    """Wait until the process is disabled and every image rests, waiting or quarantined; look at what it took."""
    installation = tenant.installation
    installation.wait(lambda: process_state(installation).get("disabled_at"), "the process disabled")

    def rests() -> bool:
        quarantined = installation.database.states(ids).get("quarantined", 0)
        return len(waiting_for_the_process(tenant, ids)) + quarantined == len(ids)

    installation.wait(rests, "every image at rest")
    assert set(injection.processes().values()) == {1}
    assert len(injection.processes()) == RELAUNCHES + 1
    assert crashes(installation) == RELAUNCHES + 1
    assert "ended by SIGKILL" in process_state(installation)["last_reason"]


def test_a_file_that_kills_the_process_twice_is_quarantined_and_the_others_are_tagged(
    fragile: Installation, injection: Injection, make_pictures: Pictures
) -> None:
    tenant = fragile.tenant("hundred")
    tenant.configure("tensorflow", enabled="true", confidence_threshold=0)
    pictures = make_pictures(100)
    pictures[37] += MARK
    ids = upload(tenant, pictures)
    fragile.wait_final(ids)
    killer = ids.pop(37)
    assert fragile.database.states(ids) == {"tagged": 99}
    fragile.assert_tagged_once(ids)
    row = fragile.database.document(killer)
    assert (row["tagging_state"], row["tagging_reason_code"]) == ("quarantined", "process_died")
    assert row["tagging_crashes"] == 2
    assert row["tagging_reason"] in html.unescape(tenant.client.get(f"/documents/{killer}").text)
    assert crashes(fragile) == 2
    assert process_state(fragile).get("disabled_at") is None
    # After the second death another one starts only if images are left to tag.
    assert len(injection.processes()) in (2, 3)


def test_a_crash_after_the_interval_counts_as_the_first(
    fragile: Installation, injection: Injection, make_pictures: Pictures
) -> None:
    tenant = fragile.tenant("interval")
    tenant.configure("tensorflow", enabled="true", confidence_threshold=0)
    fragile.configure("tensorflow-process", maximum_number_of_relaunches=RELAUNCHES)

    def killed_by(content: bytes) -> int:
        (document_id,) = upload(tenant, [content + MARK])
        fragile.wait_final([document_id])
        assert fragile.database.states([document_id]) == {"quarantined": 1}
        return crashes(fragile)

    first, second, good = make_pictures(3)
    assert killed_by(first) == 2
    assert shown_crashes(fragile) == 2
    fragile.database.change("UPDATE process_state SET last_crash_at = '2020-01-01 00:00:00.000000'")
    assert shown_crashes(fragile) == 0
    assert killed_by(second) == 2
    assert process_state(fragile).get("disabled_at") is None
    ids = upload(tenant, [good])
    fragile.wait_final(ids)
    assert fragile.database.states(ids) == {"tagged": 1}


def shown_crashes(installation: Installation) -> int:
    """The counter as the process's page shows it."""
    with Session(installation.database.engine) as session:
        return process_health(session).crashes


def test_a_thousand_undecodable_files_count_against_nothing(
    fragile: Installation, injection: Injection, make_pictures: Pictures
) -> None:
    tenant = fragile.tenant("undecodable")
    tenant.configure("tensorflow", enabled="true")
    (picture,) = make_pictures(1)
    contents = [picture[:2] + b"\xff\xe0" + number.to_bytes(2) for number in range(100)]
    fragile.wait_final(upload(tenant, contents))
    # Uploading all thousand would take a minute: the others are further documents of the same bytes.
    database = fragile.database
    columns = [name for name in database.rows("SELECT * FROM document LIMIT 1")[0] if name != "id"]
    fresh = {"tagging_state": "'queued'", "tagging_attempts": "0", "tagging_enqueued_at": "NULL"}
    values = ", ".join(fresh.get(name, name) for name in columns)
    copies = "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i FROM n) AS nine"
    database.change(
        f"INSERT INTO document ({', '.join(columns)}) SELECT {values} FROM document, {copies}"
        " WHERE instance_id = :id",
        id=tenant.id,
    )
    rows = database.rows("SELECT id FROM document WHERE instance_id = :id", id=tenant.id)
    ids = [row["id"] for row in rows]
    assert len(ids) == 1000
    fragile.wait_final(ids)
    assert fragile.database.states(ids) == {"failed": len(ids)}
    assert crashes(fragile) == 0
    # Each was put before the process, and one process outlived them all.
    assert list(injection.processes().values()) == [len(ids)]
