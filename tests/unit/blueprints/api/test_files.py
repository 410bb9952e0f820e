"""The bytes of documents by the API."""

from __future__ import annotations

import hashlib

from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.storage.renditions import thumbnail_key
from autotag.media.storage.storage import FolderStorage
from autotag.models import Document
from tests.unit.blueprints.api.conftest import Program


def test_the_file_comes_back_as_it_was_sent(editor: Program) -> None:
    number = editor.upload_id(b"<script>alert(1)</script>", "page.html")
    answer = editor.get(f"/documents/{number}/content")
    assert (answer.status_code, answer.data) == (200, b"<script>alert(1)</script>")
    assert answer.content_type == "application/octet-stream"
    assert "page.html" in answer.headers["Content-Disposition"]
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.data).hexdigest()}"'


def test_a_part_can_be_asked_for(editor: Program) -> None:
    number = editor.upload_id(b"0123456789")
    answer = editor.get(f"/documents/{number}/content", headers={"Range": "bytes=2-4"})
    assert (answer.status_code, answer.data) == (206, b"234")


def look_at(sessions: sessionmaker[Session], document_id: int) -> None:
    """Note what a worker notes when it has decoded a document."""
    with sessions.begin() as session:
        session.execute(update(Document).where(Document.id == document_id).values(width=4, height=3))


def test_a_thumbnail_is_there_when_the_image_was_looked_at(
    editor: Program, storage: FolderStorage, sessions: sessionmaker[Session]
) -> None:
    number = editor.upload_id(b"picture")
    path = f"/documents/{number}/thumbnail"
    assert editor.refusal("GET", path) == (409, "no_thumbnail")
    made = storage.incoming()
    made.write_bytes(b"small")
    storage.keep(made, thumbnail_key(hashlib.sha256(b"picture").hexdigest()), durable=False)
    # Another virtual instance may have made it.
    assert editor.refusal("GET", path) == (409, "no_thumbnail")
    look_at(sessions, number)
    answer = editor.get(path)
    assert (answer.status_code, answer.data, answer.content_type) == (200, b"small", "image/jpeg")
