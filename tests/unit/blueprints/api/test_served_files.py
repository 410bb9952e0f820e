"""What people uploaded never becomes a page: however it is asked for, a browser saves it or shows a plain picture."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.http import parse_options_header
from werkzeug.test import TestResponse

from autotag.media.storage.renditions import preview_key, thumbnail_key
from autotag.media.storage.storage import FolderStorage
from autotag.media.uploads.intake import clean_file_name
from autotag.models import Document, Role, VirtualInstance
from tests.unit.blueprints.api.conftest import Program
from tests.unit.blueprints.conftest import Browser
from tests.unit.conftest import Factory

PAGE = b"<!doctype html><script>alert(document.cookie)</script>"
VECTOR = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
# A picture of one pixel by its header, and a page to whoever looks for one.
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" + PAGE + b"\xff\xd9"
GIF = b"GIF89a/*\x00\x00\x00\x00\x00*/=1;alert(1);" + PAGE
HARMFUL = {
    "page.html": PAGE,
    "page.jpg": PAGE,
    "page.xhtml": b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>',
    "vector.svg": VECTOR,
    "vector.png": b"<?xml version='1.0'?>" + VECTOR,
    "script.js": b"alert(1)",
    "style.css": b"body{background:url(//evil.net)}",
    "document.pdf": b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj",
    "page.mht": b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n" + PAGE,
    "flash.swf": b"CWS\x0a" + bytes(30),
    "two.jpg": JPEG,
    "two.gif": GIF,
}
PICTURES = {"image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/tiff"}


def assert_harmless(answer: TestResponse, *, is_saved: bool) -> None:
    assert answer.status_code == 200
    assert answer.mimetype in PICTURES | {"application/octet-stream"}
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = [part.strip() for part in answer.headers["Content-Security-Policy"].split(";")]
    assert policy == ["sandbox", "default-src 'none'"]
    assert answer.headers["X-Frame-Options"] == "DENY"
    disposition = parse_options_header(answer.headers.get("Content-Disposition"))[0]
    assert disposition == "attachment" if is_saved else answer.mimetype == "image/jpeg"


def read(answer: TestResponse) -> TestResponse:
    """The answer with its file read and closed."""
    answer.get_data()
    answer.close()
    return answer


@pytest.fixture
def person(editor: Program, browser: Callable[..., Browser], acme: VirtualInstance) -> Browser:
    """Whoever's token `editor` has, at the pages."""
    return browser(acme, Role.EDITOR, user=editor.user)


def test_whatever_is_uploaded_is_saved_and_never_run(
    editor: Program, person: Browser, storage: FolderStorage, sessions: sessionmaker[Session]
) -> None:
    for name, content in HARMFUL.items():
        number = editor.upload_id(content, name)
        assert_never_run(editor, person, number, content)
        with sessions.begin() as session:
            session.execute(update(Document).where(Document.id == number).values(width=1, height=1))
        assert_pictures_harmless(editor, person, storage, number, content)


def assert_never_run(editor: Program, person: Browser, number: int, content: bytes) -> None:
    for path in (f"/documents/{number}/content", f"/documents/{number}/versions/1/content"):
        answer = read(person.get(path))
        assert answer.data == content
        assert_harmless(answer, is_saved=True)
        assert answer.mimetype not in PICTURES or content in (JPEG, GIF)
    assert_harmless(editor.get(f"/documents/{number}/content"), is_saved=True)
    copy = read(person.get(f"/documents/{number}/content-with-tags"))
    assert copy.status_code in (200, 303)
    if copy.status_code == 200:
        assert_harmless(copy, is_saved=True)


def assert_pictures_harmless(
    editor: Program, person: Browser, storage: FolderStorage, number: int, content: bytes
) -> None:
    sha256 = hashlib.sha256(content).hexdigest()
    for key in (thumbnail_key(sha256), preview_key(sha256)):
        made = storage.incoming()
        made.write_bytes(b"made by us")
        storage.keep(made, key, durable=False)
    for path in (f"/documents/{number}/thumbnail", f"/documents/{number}/preview"):
        assert_harmless(read(person.get(path)), is_saved=False)
    assert_harmless(editor.get(f"/documents/{number}/thumbnail"), is_saved=False)


def test_a_claimed_content_type_counts_for_nothing(editor: Program) -> None:
    sent = {"file": (io.BytesIO(PAGE), "a.png", "image/png")}
    answer = editor.post("/documents", data=sent)
    assert answer.json is not None
    assert answer.json["mime_type"] == "text/plain"
    sent = {"file": (io.BytesIO(JPEG), "a.html", "text/html")}
    answer = editor.post("/documents", data=sent)
    assert answer.json is not None
    assert answer.json["mime_type"] == "image/jpeg"


NAMES = [
    'quote".png',
    "line\r\nSet-Cookie: autotag=evil.png",
    "line\nX-Evil: 1.png",
    "semi;colon; filename=evil.html",
    "back\\slash.png",
    "../../../etc/passwd",
    "/etc/passwd",
    "C:\\Windows\\system.ini",
    "Grüße aus 東京 🦊.png",
    "turned\u202egnp.exe",
    "null\x00byte.png",
    "percent%0d%0aX-Evil: 1.png",
    "=?utf-8?q?evil?=.png",
    "x" * 300 + ".png",
    "..",
]


def test_a_file_name_stays_within_its_header_and_its_folder(
    make: Factory, acme: VirtualInstance, editor: Program, person: Browser, storage: FolderStorage
) -> None:
    path = storage.incoming()
    path.write_bytes(b"content")
    sha256 = hashlib.sha256(b"content").hexdigest()
    storage.keep(path, f"originals/{sha256[:2]}/{sha256[2:4]}/{sha256}", durable=False)
    for name in NAMES:
        cleaned = clean_file_name(name)
        number = make.document(acme, file_name=cleaned, sha256=sha256, mime_type="text/plain", size=7).id
        for answer in (
            read(person.get(f"/documents/{number}/content")),
            editor.get(f"/documents/{number}/content"),
        ):
            header = answer.headers["Content-Disposition"]
            assert header.isascii()
            assert header.isprintable()
            kind, options = parse_options_header(header)
            assert (kind, options["filename"]) == ("attachment", cleaned)
            assert "X-Evil" not in answer.headers
            assert "Set-Cookie" not in answer.headers or "evil" not in answer.headers["Set-Cookie"]
        archive = read(person.get(f"/documents/bulk/download?id={number}"))
        assert parse_options_header(archive.headers["Content-Disposition"])[0] == "attachment"
        assert (archive.mimetype, archive.headers["X-Content-Type-Options"]) == ("application/zip", "nosniff")
        with zipfile.ZipFile(io.BytesIO(archive.data)) as opened:
            (inside,) = opened.namelist()
        assert not set(inside) & set('/\\<>:"|?*\r\n\0')
        assert inside not in ("", ".", "..")
