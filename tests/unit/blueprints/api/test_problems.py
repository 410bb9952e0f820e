"""Failures that no single call is about: limits, hosts, the database, the disk, and faults of ours."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from autotag.blueprints.api import documents, limits
from autotag.configuration.entries import UPLOADS
from autotag.configuration.secret_box import SecretBox
from autotag.configuration.store import Place, Submission, save
from autotag.extensions import limiter
from autotag.media.errors import StorageUnavailable
from autotag.media.storage.storage import FolderStorage, not_stored
from autotag.models import VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from tests.unit.blueprints.api.conftest import Program


def upload(content: bytes = b"abc", name: str = "a.txt") -> dict[str, object]:
    """A form as it goes over the line: the test client would leave a file of its own open for a large one."""
    boundary, body = encode_multipart({"file": FileStorage(io.BytesIO(content), name)})
    return {"data": body, "content_type": f"multipart/form-data; boundary={boundary}"}


def test_an_address_that_is_none_and_a_method_that_it_does_not_take(editor: Program) -> None:
    assert editor.refusal("GET", "/colours") == (404, "not_found")
    answer = editor.call("PUT", "/documents")
    assert answer.json is not None
    assert (answer.status_code, answer.json["code"]) == (405, "method_not_allowed")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))
    assert editor.refusal("PUT", "/documents") == (405, "method_not_allowed")


@pytest.mark.parametrize("accept", ["text/html", "*/*", "image/png"])
def test_a_problem_is_one_whatever_the_caller_likes_to_read(editor: Program, accept: str) -> None:
    assert editor.refusal("GET", "/documents/1", headers={"Accept": accept}) == (404, "document_not_found")


def test_a_host_on_which_nobody_answers(editor: Program) -> None:
    editor.host = "initech.localhost"
    assert editor.refusal("GET", "/documents") == (404, "unknown_host")
    editor.host = "not_a_host"
    assert editor.refusal("GET", "/documents") == (400, "malformed_host")


def forget_calls() -> None:
    """Calls are counted in this process, since the broker is away; all tests of it share the count."""
    assert limiter._fallback_storage is not None
    limiter._fallback_storage.reset()


def test_calls_of_a_token_are_counted_together_and_other_tokens_go_on(
    app: Flask,
    editor: Program,
    program: Callable[..., Program],
    acme: VirtualInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forget_calls()
    allowed = int(limits.CALLS.partition(" ")[0])
    first = editor.get("/documents")
    assert int(first.headers["RateLimit-Limit"]) == allowed
    assert int(first.headers["RateLimit-Remaining"]) == allowed - 1
    assert int(editor.get("/tags").headers["RateLimit-Remaining"]) == allowed - 2
    use_up(app, editor, allowed)
    answer = editor.get("/documents")
    assert answer.json is not None
    assert (answer.status_code, answer.json["code"]) == (429, "too_many_requests")
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert editor.refusal("GET", "/tags") == (429, "too_many_requests")
    assert program(acme).get("/documents").status_code == 200
    forget_calls()


def use_up(app: Flask, editor: Program, allowed: int) -> None:
    """Count calls without making them."""
    from limits import parse

    with app.test_request_context(headers={"Authorization": f"Bearer {editor.token}"}):
        limiter.limiter.hit(parse(limits.CALLS), "autotag", limits.caller(), "api", cost=allowed - 2)


def test_a_fault_of_ours_tells_nothing_of_it(editor: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(documents, "list_documents", fail)
    answer = editor.get("/documents")
    assert "secret" not in answer.text
    assert editor.refusal("GET", "/documents") == (500, "internal_server_error")


def test_a_database_that_is_away(editor: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("SELECT", {}, Exception("database is locked"))

    monkeypatch.setattr(documents, "list_documents", fail)
    assert editor.refusal("GET", "/documents") == (503, "unavailable")


def test_a_disk_that_is_full(editor: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise not_stored(OSError(28, "No space left on device"))

    monkeypatch.setattr(FolderStorage, "keep", fail)
    assert editor.refusal("POST", "/documents", **upload()) == (507, "storage")


def test_an_object_storage_that_is_away(editor: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StorageUnavailable("The file storage does not answer.")

    monkeypatch.setattr(FolderStorage, "keep", fail)
    assert editor.refusal("POST", "/documents", **upload()) == (503, "storage_unavailable")


def test_the_limits_of_the_instance_hold(editor: Program, sessions: object, acme: VirtualInstance) -> None:
    texts = {"maximum_upload_size": "1", "maximum_pixels": "75", "allowed_extensions": "png"}
    texts |= {"maximum_number_of_files": "1", "maximum_storage": "0"}
    with sessions() as session, unit_of_work(session) as work:  # type: ignore[operator]
        place = Place.of(UPLOADS, acme.id)
        save(work, place, Submission(texts, "test"), box=SecretBox(("key",)), choices={})
    assert editor.refusal("POST", "/documents", **upload()) == (422, "extension_not_allowed")
    large = upload(b"x" * 1_000_001, "a.png")
    assert editor.refusal("POST", "/documents", **large) == (413, "file_too_large")
    assert editor.upload_id(b"x", name="a.png")
    assert editor.refusal("POST", "/documents", **upload(b"y", "b.png")) == (409, "quota_exceeded")


def test_a_request_that_is_larger_than_the_server_takes(app: Flask, editor: Program) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 1000
    large = upload(b"x" * 1001)
    assert editor.refusal("POST", "/documents", **large) == (413, "request_entity_too_large")
    number = editor.upload_id(b"x")
    path = f"/documents/{number}"
    change = {"description": "x" * 1001}
    assert editor.refusal("PATCH", path, json=change) == (413, "request_entity_too_large")


def test_a_document_that_is_deleted_while_it_is_deleted(
    editor: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = editor.upload_id()
    assert editor.call("DELETE", f"/documents/{number}").status_code == 204
    # As if it had still been there when this call looked.
    monkeypatch.setattr(documents, "load_document", lambda *_: None)
    assert editor.refusal("DELETE", f"/documents/{number}") == (409, "nothing_selected")
