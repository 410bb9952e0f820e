"""A backup while people upload, everything lost, and the installation as it was."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Client, Installation

UPLOADS = 200
BEFORE = 40


class Uploading(threading.Thread):
    """Uploads one picture after another; `acknowledged` are those the server has said yes to."""

    def __init__(self, client: Client, pictures: list[bytes]) -> None:
        super().__init__()
        self.acknowledged: list[int] = []
        self._client = client
        self._pictures = pictures

    def run(self) -> None:
        for number, picture in enumerate(self._pictures):
            self.acknowledged.append(self._client.upload(f"{number}.jpg", picture))


def test_what_was_acknowledged_before_a_backup_is_there_after_a_restore(
    start_installation: Callable[..., Installation], make_pictures: Callable[[int], list[bytes]]
) -> None:
    installation = start_installation(workers=1)
    uploading = Uploading(installation.client(), make_pictures(UPLOADS))
    uploading.start()
    installation.wait(lambda: len(uploading.acknowledged) >= BEFORE, "the first uploads")
    promised = list(uploading.acknowledged)
    target = installation.folder / "backup.tar"
    made = installation.run("backup", str(target), "--json")
    assert made.returncode == 0, made.stderr
    uploading.join()
    assert len(uploading.acknowledged) == UPLOADS
    assert json.loads(made.stdout)["files"] >= BEFORE

    installation.stop()
    shutil.rmtree(installation.instance_path)
    # The folder is gone, and so is the database where that is a file; elsewhere it is still there.
    on_server = installation.database.engine.dialect.name != "sqlite"
    restored = installation.run("restore", str(target), "--json", *(["--overwrite"] if on_server else []))
    assert restored.returncode == 0, restored.stderr
    installation.start()
    installation.wait_final(promised)
    client = installation.new_client()
    client.sign_in()
    assert client.is_signed_in
    for document_id in promised[:3]:
        assert client.get(f"/documents/{document_id}/content").status_code == 200
    assert all(installation.database.tags(document_id) for document_id in promised)
    new = client.upload("new.jpg", make_pictures(1)[0])
    installation.wait_final([new])
    doctor = installation.run("doctor", "--json")
    assert doctor.returncode == 0, doctor.stdout
