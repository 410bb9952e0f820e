"""Many documents at once in a running installation: a zip that is streamed, an action that outlives a killed
scheduler, and files that go when nobody in any instance names them any more."""

from __future__ import annotations

import hashlib
import os
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from sqlalchemy import text

if TYPE_CHECKING:
    from tests.conftest import Client, Installation, Tenant

MANY = 3000
FILES_IN_ZIP = 40
FILE_BYTES = 5_000_000
MEMORY_BYTES = 40_000_000
LONG_AGO = "2020-01-01 00:00:00.000000"


def multiply(installation: Installation, document_id: int, number: int) -> None:
    """Write copies of a document's row, as uploads of the same bytes would."""
    row = dict(installation.database.document(document_id))
    row.pop("id")
    names = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    with installation.database.engine.begin() as connection:
        connection.execute(text(f"INSERT INTO document ({names}) VALUES ({values})"), [row] * number)


def act(client: Client, path: str, **fields: object) -> str:
    """Post a form; return the address to which the answer leads."""
    answer = client.post(
        path, data={"csrf_token": client.csrf_token("/account")} | fields, allow_redirects=False
    )
    assert answer.status_code == 303, answer.text[:300]
    return answer.headers["Location"]


def peak_of(process: psutil.Process, so_far: int) -> int:
    memory: int = process.memory_info().rss
    return max(so_far, memory)


def test_a_zip_of_many_files_is_streamed_and_whole_and_costs_no_memory(
    installation: Installation, tmp_path: Path
) -> None:
    client = installation.client()
    content = os.urandom(FILE_BYTES)
    document_id = client.upload("large.bin", content)
    installation.wait_final([document_id])
    multiply(installation, document_id, FILES_IN_ZIP - 1)
    location = act(client, "/documents/bulk/download", all="1", view="type=application/octet-stream")
    web = installation.web_server()
    assert web is not None
    before = peak = web.memory_info().rss
    path = tmp_path / "all.zip"
    with client.get(location, stream=True) as answer, path.open("wb") as file:
        assert (
            answer.headers["Content-Disposition"]
            == f'attachment; filename="autotag-{FILES_IN_ZIP}-files.zip"'
        )
        for chunk in answer.iter_content(1_000_000):
            file.write(chunk)
            peak = peak_of(web, peak)
    with zipfile.ZipFile(path) as archive:
        assert len(set(archive.namelist())) == FILES_IN_ZIP
        assert archive.testzip() is None
        assert archive.read("large (40).bin") == content
    assert path.stat().st_size > FILES_IN_ZIP * FILE_BYTES
    assert peak - before < MEMORY_BYTES
    act(client, "/documents/bulk/delete", all="1", view="type=application/octet-stream")


def test_an_action_over_thousands_goes_on_after_the_scheduler_was_killed_in_the_middle(
    installation: Installation,
) -> None:
    client, database = installation.client(), installation.database
    document_id = client.upload("note.txt", b"Remember the milk.\n")
    installation.wait_final([document_id])
    multiply(installation, document_id, MANY - 1)
    everything = database.value(
        "SELECT count(*) FROM document WHERE mime_type = 'text/plain' AND deleted_at IS NULL AND instance_id = 1"
    )
    location = act(client, "/documents/bulk/tags", all="1", view="type=text/plain", mode="edit", names="kept")
    action_id = int(location.split("?")[0].rsplit("/", 1)[-1])

    def row() -> dict[str, object]:
        return dict(database.rows("SELECT * FROM bulk_action WHERE id = :id", id=action_id)[0])

    installation.wait(lambda: row()["done"], "the first part")
    for process in installation.processes("autotag scheduler"):
        process.kill()
    at_death = row()
    assert at_death["state"] == "running"
    later = client.upload("later.txt", b"Came later.\n")
    installation.wait(lambda: row()["state"] == "finished", "the end of the action")
    assert (row()["done"], row()["total"]) == (everything, everything)
    tagged = database.value(
        "SELECT count(DISTINCT document_id) FROM tag_assignment JOIN tag ON tag.id = tag_id WHERE name = 'kept'"
    )
    assert tagged == everything >= MANY
    assert database.tags(later) == {}
    page = client.get(location).text
    assert f"Tags of {everything:,} files changed." in page


def test_files_go_when_no_instance_names_them_and_stay_while_one_does(
    installation: Installation,
) -> None:
    client = installation.client()
    tenant: Tenant = installation.tenant("globex")
    shared, own = b"Shared by two instances.\n", b"Only here.\n"
    ids = [client.upload(name, content) for name, content in (("a.txt", shared), ("b.txt", own))]
    theirs = tenant.client.upload("c.txt", shared)
    installation.wait_final([*ids, theirs])
    for document_id in ids:
        act(client, f"/documents/{document_id}/delete")
        act(client, "/recycle-bin/delete-for-good", id=document_id)
    paths = {content: stored(installation, content) for content in (shared, own)}
    assert all(path.is_file() for path in paths.values())
    sweep(installation, paths)
    installation.wait(lambda: not paths[own].exists(), "the end of a file that nobody names")
    installation.wait(
        lambda: installation.database.value("SELECT count(*) FROM released_content") == 0,
        "the end of the sweep",
    )
    assert tenant.client.get(f"/documents/{theirs}/content").content == shared
    again = client.upload("again.txt", own)
    installation.wait_final([again])
    assert client.get(f"/documents/{again}/content").content == own


def stored(installation: Installation, content: bytes) -> Path:
    digest = hashlib.sha256(content).hexdigest()
    return installation.instance_path / "files" / "originals" / digest[:2] / digest[2:4] / digest


def sweep(installation: Installation, paths: dict[bytes, Path]) -> None:
    """Let an hour pass, and the next scheduler begin with its sweep.

    The scheduler of before is killed first: it may be in its own sweep, and what it dies with in hand is left alone
    for a while. The next one comes half a second later at the earliest.
    """
    for process in installation.processes("autotag scheduler"):
        process.kill()
    installation.database.change("UPDATE released_content SET released_at = :past", past=LONG_AGO)
    yesterday = time.time() - 24 * 60 * 60
    for path in paths.values():
        os.utime(path, (yesterday, yesterday))


@pytest.mark.parametrize("selection", ["", "!", "AAAA"])
def test_a_download_of_nothing_leads_back_to_the_list(installation: Installation, selection: str) -> None:
    answer = installation.client().get(f"/documents/bulk/download?selection={selection}")
    assert answer.url.endswith("/documents")
    assert "Select at least one file." in answer.text
