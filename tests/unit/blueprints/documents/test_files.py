"""The bytes of documents: pictures tell nothing of other instances, and files are kept by no browser."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.storage.renditions import preview_key, thumbnail_key
from autotag.media.storage.storage import FolderStorage, original_key
from autotag.models import Document, DocumentVersion, Role, VirtualInstance
from tests.unit.blueprints.conftest import Browser
from tests.unit.conftest import Factory

CONTENT = b"the same picture in two instances"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PICTURES = ["documents/{}/thumbnail", "documents/{}/preview", "recycle-bin/{}/thumbnail"]


@pytest.fixture
def person(
    browser: Callable[..., Browser], acme: VirtualInstance, default_instance: VirtualInstance
) -> Browser:
    return browser(acme, Role.EDITOR)


def keep(storage: FolderStorage, key: str, content: bytes) -> None:
    path = storage.incoming()
    path.write_bytes(content)
    storage.keep(path, key, durable=False)


@pytest.fixture
def of_another(default_instance: VirtualInstance, make: Factory, storage: FolderStorage) -> None:
    """Another instance has the content, and its pictures were made."""
    make.document(default_instance, sha256=SHA256, width=4, height=3)
    keep(storage, original_key(SHA256), CONTENT)
    for key in (thumbnail_key(SHA256), preview_key(SHA256)):
        keep(storage, key, b"small")


@pytest.mark.usefixtures("of_another")
@pytest.mark.parametrize("path", PICTURES)
def test_a_picture_is_served_once_this_document_was_looked_at(
    person: Browser, acme: VirtualInstance, make: Factory, sessions: sessionmaker[Session], path: str
) -> None:
    deleted_at = datetime.now(UTC) if "bin" in path else None
    ours = make.document(acme, sha256=SHA256, deleted_at=deleted_at)
    unique = make.document(acme, deleted_at=deleted_at)
    # The same answer as for a content that nobody else has.
    answers = [person.get("/" + path.format(number)) for number in (ours.id, unique.id)]
    assert [answer.status_code for answer in answers] == [404, 404]
    shown = [dict(answer.headers) | {"X-Request-ID": "", "Set-Cookie": ""} for answer in answers]
    assert shown[0] == shown[1]
    with sessions.begin() as session:
        session.execute(update(Document).where(Document.id == ours.id).values(width=4, height=3))
    with person.get("/" + path.format(ours.id)) as answer:
        assert (answer.status_code, answer.data) == (200, b"small")
        assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"


@pytest.mark.usefixtures("of_another")
def test_what_was_uploaded_is_kept_by_no_browser(
    person: Browser, acme: VirtualInstance, make: Factory, sessions: sessionmaker[Session]
) -> None:
    document = make.document(acme, sha256=SHA256, file_name="a.png")
    with sessions.begin() as session:
        session.add(
            DocumentVersion(
                instance_id=acme.id,
                document_id=document.id,
                number=1,
                file_name="a.png",
                sha256=SHA256,
                mime_type="image/png",
                size=len(CONTENT),
            )
        )
    address = f"/documents/{document.id}"
    for path in (
        f"{address}/content",
        f"{address}/versions/1/content",
        f"{address}/content-with-tags",
        f"/documents/bulk/download?id={document.id}",
        f"/documents/bulk/download?id={document.id}&with_tags=1",
    ):
        with person.get(path) as answer:
            assert answer.status_code in (200, 303), path
            assert answer.headers["Cache-Control"] == "private, no-store", path


def test_a_part_of_a_file_and_a_copy_with_tags_are_kept_by_no_browser_either(
    person: Browser, acme: VirtualInstance, make: Factory, storage: FolderStorage
) -> None:
    picture = BytesIO()
    Image.new("RGB", (4, 3)).save(picture, "JPEG")
    sha256 = hashlib.sha256(picture.getvalue()).hexdigest()
    keep(storage, original_key(sha256), picture.getvalue())
    document = make.document(acme, sha256=sha256, mime_type="image/jpeg", file_name="a.jpg")
    make.tag(document, "sea")
    with person.get(f"/documents/{document.id}/content-with-tags") as copy:
        assert (copy.status_code, copy.mimetype) == (200, "image/jpeg")
        assert copy.headers["Cache-Control"] == "private, no-store"
    base = f"http://{person.host}/"
    with person.client.get(
        f"/documents/{document.id}/content", base_url=base, headers={"Range": "bytes=0-1"}
    ) as part:
        assert part.status_code == 206
        assert part.headers["Cache-Control"] == "private, no-store"
