"""Keywords over the whole road: exiftool writes them, an upload brings them, a download gives them back."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.conftest import draw_picture

if TYPE_CHECKING:
    from tests.conftest import Installation

FORMATS = {"JPEG": ("jpg", {"quality": 90}), "PNG": ("png", {}), "WEBP": ("webp", {}), "TIFF": ("tif", {})}


@pytest.fixture(scope="module")
def road(start_installation: Callable[..., Installation], absent: Callable[[str], None]) -> Installation:
    if shutil.which("exiftool") is None:
        absent("exiftool is not installed")
    started = start_installation(1)
    started.configure("documents-and-media", "default", import_keywords_from_files="true")
    return started


def told_by_exiftool(path: Path) -> dict[str, Any]:
    command = ["exiftool", "-j", "-G1", "-XMP-dc:Subject", "-IPTC:Keywords", str(path)]
    told: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[0]
    return told


@pytest.mark.parametrize("kind", FORMATS)
def test_keywords_come_and_go_with_the_file(road: Installation, tmp_path: Path, kind: str) -> None:
    suffix, options = FORMATS[kind]
    path = tmp_path / f"picture.{suffix}"
    draw_picture(len(kind)).save(path, kind, **options)
    written = ["-XMP-dc:Subject=Grüße", "-XMP-dc:Subject=red, white", "-XMP-dc:Subject=unwanted"]
    subprocess.run(["exiftool", "-q", "-overwrite_original", *written, str(path)], check=True)
    client = road.client()
    document_id = client.upload(path.name, path.read_bytes())
    road.wait_final([document_id])
    rows = road.database.rows(
        "SELECT tag.name, source FROM tag_assignment JOIN tag ON tag.id = tag_id WHERE document_id = :id",
        id=document_id,
    )
    from_file = {row["name"] for row in rows if row["source"] == "file"}
    assert from_file == {"Grüße", "red white", "unwanted"}
    assert "from the file" in client.get(f"/documents/{document_id}").text
    token = client.csrf_token()
    client.post(f"/documents/{document_id}/tags/remove", data={"name": "unwanted", "csrf_token": token})
    client.post(f"/documents/{document_id}/tags", data={"names": "日本", "csrf_token": token})

    copy = tmp_path / f"copy.{suffix}"
    answer = client.get(f"/documents/{document_id}/content-with-tags")
    assert answer.status_code == 200
    copy.write_bytes(answer.content)
    told = told_by_exiftool(copy)
    automatic = {row["name"] for row in rows if row["source"] == "auto"}
    assert set(told["XMP-dc:Subject"]) == {"Grüße", "red, white", "日本"} | automatic
    if kind in ("JPEG", "TIFF"):
        assert told["IPTC:Keywords"] == told["XMP-dc:Subject"]
    with Image.open(path) as before, Image.open(copy) as after:
        assert after.tobytes() == before.tobytes()
    original = client.get(f"/documents/{document_id}/content").content
    stored = road.database.document(document_id)["sha256"]
    assert hashlib.sha256(original).hexdigest() == stored == hashlib.sha256(path.read_bytes()).hexdigest()
