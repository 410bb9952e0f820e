"""A whole installation whose files lie in object storage, while the store goes away and comes back."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from autotag.config import Bucket
from autotag.media.storage.garbage import ReleasedSweep
from autotag.media.storage.object_storage import ObjectStorage
from autotag.media.storage.renditions import preview_key, thumbnail_key
from autotag.media.storage.storage import original_key
from autotag.models.engine import build_session_factory
from tests.conftest import LONG_AGO, free_port, load_stub

if TYPE_CHECKING:
    from tests.conftest import Client, Installation

DAY_SECONDS = 24 * 60 * 60
LARGE_BYTES = 20_000_000


@pytest.fixture(scope="module")
def store() -> Iterator[Any]:
    with load_stub("object_store").ObjectStore(free_port()) as server:
        yield server


@pytest.fixture(scope="module")
def installation(start_installation: Callable[..., Installation], store: Any) -> Installation:
    installation: Installation = start_installation(workers=1, **store.environment)
    return installation


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def keys_of(content: bytes) -> set[str]:
    sha256 = sha256_of(content)
    return {original_key(sha256), thumbnail_key(sha256), preview_key(sha256)}


def post(client: Client, path: str, **fields: object) -> None:
    form = {"csrf_token": client.csrf_token("/account")} | fields
    answer = client.post(path, data=form, allow_redirects=False)
    assert answer.status_code == 303, answer.text[:300]


def test_an_upload_is_tagged_and_its_pictures_are_in_the_bucket(
    installation: Installation, store: Any, make_pictures: Callable[[int], list[bytes]]
) -> None:
    client, picture = installation.client(), make_pictures(1)[0]
    document_id = client.upload("a.jpg", picture)
    installation.wait_final([document_id])
    assert installation.database.tags(document_id)
    assert keys_of(picture) <= set(store.kept())
    thumbnail = client.get(f"/documents/{document_id}/thumbnail")
    assert thumbnail.headers["Content-Type"] == "image/jpeg"
    assert max(Image.open(io.BytesIO(thumbnail.content)).size) == 360
    assert client.get(f"/documents/{document_id}/content").content == picture
    originals = [path for path in installation.instance_path.rglob("*") if "originals" in path.parts]
    assert originals == []


def test_parts_of_a_large_file_can_be_asked_for(installation: Installation, store: Any) -> None:
    client, content = installation.client(), os.urandom(LARGE_BYTES)
    document_id = client.upload("large.bin", content)
    # As on a machine that has not received it.
    shutil.rmtree(installation.instance_path / "files" / "cache")
    path = f"/documents/{document_id}/content"
    part = client.get(path, headers={"Range": "bytes=15000000-15000009"})
    assert (part.status_code, part.content) == (206, content[15_000_000:15_000_010])
    assert part.headers["Content-Range"] == f"bytes 15000000-15000009/{LARGE_BYTES}"
    last = client.get(path, headers={"Range": "bytes=-5"})
    assert (last.status_code, last.content) == (206, content[-5:])
    assert client.get(path, headers={"Range": f"bytes={LARGE_BYTES}-"}).status_code == 416
    whole = client.get(path)
    assert sha256_of(whole.content) == sha256_of(content)
    assert whole.headers["Content-Length"] == str(LARGE_BYTES)
    again = client.get(path, headers={"If-None-Match": whole.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = client.session.head(client.address + path, timeout=30)
    assert (head.headers["Content-Length"], head.content) == (str(LARGE_BYTES), b"")


def test_the_same_content_is_kept_once_and_goes_with_its_last_document(
    installation: Installation, store: Any, make_pictures: Callable[[int], list[bytes]]
) -> None:
    client, (picture, newer) = installation.client(), make_pictures(2)
    first, second = client.upload("a.jpg", picture), client.upload("b.jpg", picture)
    with_version = client.post(
        f"/documents/{second}/versions",
        files={"file": ("c.jpg", newer)},
        data={"csrf_token": client.csrf_token()},
        allow_redirects=False,
    )
    assert with_version.status_code == 303, with_version.text[:300]
    installation.wait_final([first, second])
    versions = [client.get(f"/documents/{second}/versions/{number}/content").content for number in (1, 2)]
    assert versions == [picture, newer]
    archive = client.get(f"/documents/bulk/download?id={first}&id={second}")
    with zipfile.ZipFile(io.BytesIO(archive.content)) as opened:
        assert {sha256_of(opened.read(name)) for name in opened.namelist()} == {
            sha256_of(picture),
            sha256_of(newer),
        }

    assert sweep_tomorrow(installation, store) == 0
    delete_for_good(client, second)
    assert sweep_tomorrow(installation, store) == 1
    assert keys_of(picture) <= set(store.kept())
    assert not keys_of(newer) & set(store.kept())
    delete_for_good(client, first)
    assert sweep_tomorrow(installation, store) == 1
    assert not keys_of(picture) & set(store.kept())
    again = client.upload("a.jpg", picture)
    assert client.get(f"/documents/{again}/content").content == picture


def delete_for_good(client: Client, document_id: int) -> None:
    post(client, f"/documents/{document_id}/delete")
    post(client, "/recycle-bin/delete-for-good", id=document_id)


def sweep_tomorrow(installation: Installation, store: Any) -> int:
    """Sweep as the scheduler does, as if a day had passed; return how many contents went."""
    installation.database.change("UPDATE released_content SET released_at = :past", past=LONG_AGO)
    store.age(DAY_SECONDS)
    sessions = build_session_factory(installation.database.engine.url.render_as_string(hide_password=False))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in store.environment.items():
            patch.setenv(name, value)
        storage = ObjectStorage(
            Bucket("autotag-files", "team/one", store.url), installation.folder / "sweeping"
        )
        sweep = ReleasedSweep(sessions, storage)
        while sweep.step():
            pass
    sessions.kw["bind"].dispose()
    return sweep.removed


def test_while_the_store_is_away_uploads_are_refused_and_tagging_waits(
    installation: Installation, store: Any, make_pictures: Callable[[int], list[bytes]]
) -> None:
    client, (waiting, new) = installation.client(), make_pictures(2)
    pid = installation.workers()[0].pid
    installation.workers()[0].suspend()
    document_id = client.upload("waiting.jpg", waiting)
    store.stop()
    try:
        # As on a machine that has not received it.
        shutil.rmtree(installation.instance_path / "files" / "cache", ignore_errors=True)
        refused = client.send("new.jpg", new)
        assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable")
        assert "try again" in refused.json()["detail"]
        assert client.get(f"/documents/{document_id}/content").status_code == 503
        assert client.get("/documents").status_code == 200
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["storage"]) == (503, "unreachable")
        doctor = installation.run("doctor", "--json")
        assert doctor.returncode == 1
        (said,) = (check for check in json.loads(doctor.stdout) if check["name"] == "storage")
        assert not said["ok"]
        assert "AWS_ENDPOINT_URL" in said["advice"]
        for process in installation.workers():
            process.resume()
        installation.wait(
            lambda: installation.database.document(document_id)["tagging_reason_code"] == "storage",
            "the attempt that finds no store",
        )
        assert installation.database.document(document_id)["tagging_state"] == "queued"
    finally:
        store.start()
        for process in installation.workers():
            process.resume()
    assert installation.workers()[0].pid == pid
    installation.database.change("UPDATE document SET tagging_not_before = NULL, tagging_enqueued_at = NULL")
    after = client.upload("new.jpg", new)
    installation.wait_final([document_id, after])
    assert installation.database.tags(document_id)
    assert installation.database.tags(after)
    incoming = installation.instance_path / "files" / "incoming"
    assert list(incoming.iterdir()) == []
    doctor = installation.run("doctor", "--json")
    assert doctor.returncode == 0, doctor.stdout
    assert not [key for key in store.kept() if key.startswith("doctor")]


def test_a_backup_of_the_bucket_is_restored_into_another(
    installation: Installation,
    store: Any,
    make_pictures: Callable[[int], list[bytes]],
    start_installation: Callable[..., Installation],
) -> None:
    client, picture = installation.client(), make_pictures(1)[0]
    document_id = client.upload("kept.jpg", picture)
    installation.wait_final([document_id])
    target = installation.folder / "backup.tar"
    made = installation.run("backup", str(target), "--json")
    assert made.returncode == 0, made.stderr
    assert "missing" not in made.stderr

    settings = store.environment | {"AUTOTAG_STORAGE_URL": "s3://autotag-files/another"}
    other = start_installation(running=False, **settings)
    store.stop()
    try:
        refused = other.run("restore", str(target), "--json")
        assert refused.returncode == 1
        assert "could not be stored" in refused.stderr
    finally:
        store.start()
    restored = other.run("restore", str(target), "--json")
    assert restored.returncode == 0, restored.stderr
    kept = store.kept("another")
    assert keys_of(picture) <= set(kept)
    originals = {key.rpartition("/")[2]: found.value for key, found in kept.items() if "originals" in key}
    assert len(originals) == json.loads(restored.stdout)["originals"]
    assert {name: sha256_of(content) for name, content in originals.items()} == {n: n for n in originals}
    assert other.database.document(document_id)["sha256"] == sha256_of(picture)
