"""A model of the catalogue is installed whole, from the one right file, or not at all."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from autotag.inference.errors import InstallationCancelled, ModelRejected
from autotag.inference.installing import downloading, installation
from autotag.inference.installing.installation import install
from autotag.inference.installing.store import ModelStore
from autotag.inference.models.catalogue import CATALOGUE, KnownModel, PublishedFile, known_model
from autotag.inference.models.digests import Digest, git_blob
from autotag.inference.process.classifier import Classifier
from autotag.inference.process.process import PACKAGE_ROOT

CLOCK = 410
INSTALL = """
import dataclasses, sys
from pathlib import Path
from autotag.inference.models.catalogue import CATALOGUE, PublishedFile
from autotag.inference.models.digests import Digest
from autotag.inference.installing.installation import install
from autotag.inference.installing.store import ModelStore
folder, url, digest = sys.argv[1:]
origin = PublishedFile(url, Digest("sha256", digest), 10**6, is_archive=False)
CATALOGUE["tiny"] = dataclasses.replace(
    CATALOGUE["inception-v1"], name="tiny", input_width=4, input_height=4, origin=origin
)
install(ModelStore(Path(folder)), "tiny")
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@pytest.fixture
def model(write_classifier: Callable[..., Path]) -> bytes:
    """A quantised classifier of ImageNet's classes with background that always sees a clock."""
    bias = np.zeros(1001)
    bias[CLOCK] = 10
    return write_classifier(kind="uint8", weights=np.zeros((1001, 3)), bias=bias).read_bytes()


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch, file_server: Any, model: bytes) -> Callable[..., KnownModel]:
    """Has the server offer a file, and the catalogue know it as "tiny"."""

    def make(content: bytes = model, *, is_archive: bool = False, digest: Digest | None = None) -> KnownModel:
        file_server.content = content
        right = Digest("sha256", hashlib.sha256(content).hexdigest())
        origin = PublishedFile(file_server.url, digest or right, 2 * len(content), is_archive)
        known = dataclasses.replace(
            known_model("inception-v1"), name="tiny", input_width=4, input_height=4, origin=origin
        )
        monkeypatch.setitem(CATALOGUE, "tiny", known)
        return known

    return make


def packed(content: bytes, name: str = "./tiny.tflite") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path, part in (("graph.pb", b"graph"), (name, content)):
            member = tarfile.TarInfo(path)
            member.size = len(part)
            archive.addfile(member, io.BytesIO(part))
    return stream.getvalue()


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".lock"))


def refuses(action: Callable[[], Any], sentence: str) -> str:
    """The code of the refusal that `action` ends in."""
    with pytest.raises(ModelRejected, match=sentence) as refusal:
        action()
    return str(refusal.value.code)


@pytest.mark.parametrize("is_archive", [False, True])
def test_a_published_model_is_installed_and_runs(
    publish: Callable[..., KnownModel], store: ModelStore, model: bytes, is_archive: bool
) -> None:
    known = publish(packed(model) if is_archive else model, is_archive=is_archive)
    told: list[tuple[int, int | None]] = []

    description = install(store, "tiny", progress=lambda *numbers: told.append(numbers))

    assert store.installed() == [description]
    assert description == known.described(hashlib.sha256(model).hexdigest(), len(model))
    assert told[-1][0] == told[-1][1]
    assert visible(store.folder) == ["tiny"]
    assert visible(store.path("tiny")) == ["labels.txt", "model.json", "model.tflite"]
    seen = Classifier(store.path("tiny")).classify(Image.new("RGB", (8, 8)), top=1)
    assert seen[0].name == "analog clock"


def test_a_file_known_by_its_git_blob_id_is_installed(
    publish: Callable[..., KnownModel], store: ModelStore, model: bytes, tmp_path: Path
) -> None:
    (tmp_path / "model").write_bytes(model)
    publish(digest=Digest("git-blob", git_blob(tmp_path / "model")))

    assert install(store, "tiny").name == "tiny"


def test_another_file_is_refused_and_leaves_nothing(
    publish: Callable[..., KnownModel], store: ModelStore
) -> None:
    publish(digest=Digest("sha256", "0" * 64))

    assert refuses(lambda: install(store, "tiny"), "not the one that this version knows") == "digest_mismatch"
    assert visible(store.folder) == []


def test_a_file_that_is_too_large_is_refused(
    publish: Callable[..., KnownModel], store: ModelStore, file_server: Any
) -> None:
    publish()
    file_server.content *= 3

    assert refuses(lambda: install(store, "tiny"), "sends more than") == "too_large"
    assert visible(store.folder) == []


def test_a_cut_download_is_resumed(
    publish: Callable[..., KnownModel], store: ModelStore, file_server: Any
) -> None:
    publish()
    file_server.cuts = [500]

    install(store, "tiny")

    assert [request.get("Range") for request in file_server.requests] == [None, "bytes=500-"]


def test_an_archive_that_is_hostile_is_refused(
    publish: Callable[..., KnownModel], store: ModelStore, model: bytes, tmp_path: Path
) -> None:
    publish(packed(model, "../../tiny.tflite"), is_archive=True)

    assert refuses(lambda: install(store, "tiny"), "not a plain file") == "archive_refused"
    assert visible(store.folder) == []
    assert not list(tmp_path.parent.glob("tiny.tflite"))


def test_a_model_that_sees_no_clock_is_refused(
    publish: Callable[..., KnownModel], store: ModelStore, write_classifier: Callable[..., Path]
) -> None:
    bias = np.zeros(1001)
    bias[600:] = 10
    publish(write_classifier(kind="uint8", weights=np.zeros((1001, 3)), bias=bias).read_bytes())

    assert refuses(lambda: install(store, "tiny"), "takes a drawn clock for") == "verification_failed"
    assert visible(store.folder) == []


def test_without_a_network_the_way_out_is_named_and_works(
    publish: Callable[..., KnownModel], store: ModelStore, file_server: Any, tmp_path: Path
) -> None:
    publish()
    file_server.statuses = [503, 503, 503]
    fetched = tmp_path / "elsewhere.tflite"
    fetched.write_bytes(file_server.content)

    assert refuses(lambda: install(store, "tiny"), r"install it with --from FILE\.$") == "download_failed"
    assert visible(store.folder) == []
    assert install(store, "tiny", source=fetched).name == "tiny"
    assert len(file_server.requests) == 3


def test_a_given_file_is_held_to_the_same_digest(
    publish: Callable[..., KnownModel], store: ModelStore, tmp_path: Path
) -> None:
    publish()
    other = tmp_path / "other.tflite"
    other.write_bytes(b"another")

    assert refuses(lambda: install(store, "tiny", source=other), "not the one") == "digest_mismatch"
    absent = tmp_path / "absent"
    assert refuses(lambda: install(store, "tiny", source=absent), "No such file") == "storage_failed"


def test_another_address_of_the_same_file_is_used(
    publish: Callable[..., KnownModel], store: ModelStore, file_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = publish()
    origin = dataclasses.replace(known.origin, url="http://127.0.0.1:9/file")
    monkeypatch.setitem(CATALOGUE, "tiny", dataclasses.replace(known, origin=origin))

    assert install(store, "tiny", url=file_server.url).name == "tiny"


def test_an_installed_model_is_not_fetched_again(
    publish: Callable[..., KnownModel], store: ModelStore, file_server: Any
) -> None:
    publish()

    assert install(store, "tiny") == install(store, "tiny")
    assert len(file_server.requests) == 1


def test_a_damaged_model_is_replaced(
    publish: Callable[..., KnownModel], store: ModelStore, file_server: Any
) -> None:
    publish()
    install(store, "tiny")
    (store.path("tiny") / "model.tflite").write_bytes(b"half")

    assert install(store, "tiny") == store.get("tiny")
    assert visible(store.folder) == ["tiny"]


def test_a_cancelled_download_leaves_nothing(
    publish: Callable[..., KnownModel], store: ModelStore, file_server: Any
) -> None:
    publish()
    file_server.pause = 0.05
    told: list[int] = []

    with pytest.raises(InstallationCancelled):
        install(store, "tiny", progress=lambda done, _: told.append(done), cancelled=lambda: len(told) > 1)

    assert visible(store.folder) == []


def test_a_full_disk_is_a_clear_reason(
    publish: Callable[..., KnownModel], store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(installation, "download", fail)

    assert refuses(lambda: install(store, "tiny"), "No space left on device") == "storage_failed"
    assert visible(store.folder) == []


def test_two_installations_at_once_fetch_once(
    publish: Callable[..., KnownModel], store: ModelStore, file_server: Any
) -> None:
    publish()
    file_server.pause = 0.02
    done: list[Any] = []
    threads = [threading.Thread(target=lambda: done.append(install(store, "tiny"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert done == [store.get("tiny")] * 2
    assert len(file_server.requests) == 1
    assert visible(store.folder) == ["tiny"]


def test_who_waits_for_another_can_be_cancelled(
    publish: Callable[..., KnownModel], store: ModelStore
) -> None:
    publish()
    with store.preparing("tiny"), pytest.raises(InstallationCancelled):
        install(store, "tiny", cancelled=lambda: True)


def test_an_installation_killed_midway_leaves_nothing_half(
    publish: Callable[..., KnownModel], store: ModelStore, file_server: Any
) -> None:
    publish()
    file_server.pause = 0.3
    digest = hashlib.sha256(file_server.content).hexdigest()
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)}
    command = [sys.executable, "-c", INSTALL, str(store.folder), file_server.url, digest]
    with subprocess.Popen(command, env=environment) as victim:
        deadline = time.monotonic() + 30
        while not list(store.folder.glob(".building-*/fetched")):
            assert time.monotonic() < deadline
            assert victim.poll() is None
            time.sleep(0.005)
        victim.kill()
    assert store.installed() == []
    file_server.pause = 0.0

    install(store, "tiny")

    assert visible(store.folder) == ["tiny"]


def test_the_default_model_is_installed_as_at_set_up(store: ModelStore) -> None:
    assert install(store, "efficientnet-lite0") == store.install_default()


def test_an_unknown_model_is_refused(store: ModelStore) -> None:
    assert refuses(lambda: install(store, "nothing"), "known are") == "unknown_model"
    assert not store.folder.exists()
