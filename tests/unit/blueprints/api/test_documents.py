"""Documents by the API: upload, list, look, change, delete."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.blueprints.api import cursors
from autotag.media.folders.folders import create_folder
from autotag.media.uploads.idempotency import forget_old_keys
from autotag.models import Document, IdempotencyKey, Role, TaggingState, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from tests.conftest import counted_statements
from tests.unit.blueprints.api.conftest import Program
from tests.unit.conftest import Factory

NAMES = {
    *("id", "title", "description", "file_name", "mime_type", "size", "width", "height", "sha256", "version"),
    *("created_at", "updated_at", "folder_id", "tags", "tagging"),
}


@pytest.fixture
def folder_id(sessions: sessionmaker[Session], acme: VirtualInstance) -> int:
    with sessions() as session, unit_of_work(session) as work:
        return create_folder(work, acme.id, "Holidays").id


def number_of_documents(sessions: sessionmaker[Session]) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(Document)) or 0


def test_an_upload_is_answered_with_its_document_and_its_address(editor: Program, folder_id: int) -> None:
    answer = editor.upload(
        b"abc", "holiday.txt", title="  My  holiday ", folder_id=folder_id, tags="sea, sun"
    )
    assert answer.status_code == 201
    said = answer.json
    assert said is not None
    assert set(said) == NAMES
    assert answer.headers["Location"] == f"/api/v1/documents/{said['id']}"
    assert (said["title"], said["file_name"], said["size"]) == ("My holiday", "holiday.txt", 3)
    assert said["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert said["folder_id"] == folder_id
    assert said["tags"] == [
        {"name": name, "source": "manual", "provider": None, "model": None, "confidence": None}
        for name in ("sea", "sun")
    ]
    assert said["tagging"]["state"] == "queued"
    assert editor.answer("GET", f"/documents/{said['id']}") == said


def test_tags_may_come_in_several_fields_and_a_title_may_be_left_out(editor: Program) -> None:
    said = editor.upload(b"abc", "holiday.txt", tags=["sea", "sun"], title="").json
    assert said is not None
    assert ([tag["name"] for tag in said["tags"]], said["title"]) == (["sea", "sun"], "holiday")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"tags": "a/b"}, (422, "invalid_request")),
        ({"tags": "a\u200bb"}, (422, "invalid_request")),
        ({"folder_id": "x"}, (422, "invalid_request")),
        ({"folder_id": "4711"}, (404, "folder_not_found")),
        ({"colour": "red"}, (422, "invalid_request")),
        ({"title": "x" * 256}, (422, "invalid_request")),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_stored(
    editor: Program, sessions: sessionmaker[Session], fields: dict[str, str], expected: tuple[int, str]
) -> None:
    data = {"file": (io.BytesIO(b"abc"), "a.txt")} | fields
    assert editor.refusal("POST", "/documents", data=data) == expected
    assert number_of_documents(sessions) == 0


def test_an_upload_has_one_file_that_is_not_empty(editor: Program) -> None:
    form = {"content_type": "multipart/form-data"}
    assert editor.refusal("POST", "/documents", data={"title": "x"}, **form) == (422, "invalid_request")
    assert editor.refusal("POST", "/documents", data={"file": "text"}, **form) == (422, "invalid_request")
    empty = {"file": (io.BytesIO(b""), "a.txt")}
    assert editor.refusal("POST", "/documents", data=empty) == (422, "empty_file")


def test_an_upload_is_a_form(editor: Program) -> None:
    assert editor.refusal("POST", "/documents", json={}) == (415, "unsupported_media_type")
    assert editor.refusal("POST", "/documents", data=b"x", content_type="image/png") == (
        415,
        "unsupported_media_type",
    )


def test_a_key_makes_a_second_upload_the_first_one(editor: Program, sessions: sessionmaker[Session]) -> None:
    first = editor.upload(b"abc", key="import-1", tags="sea")
    again = editor.upload(b"abc", key="import-1", tags="sea")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json == first.json
    assert again.headers["Location"] == first.headers["Location"]
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
    assert number_of_documents(sessions) == 1
    assert editor.upload(b"abc").json != first.json


@pytest.mark.parametrize("other", [{"content": b"abd"}, {"tags": "sun"}, {"title": "x"}, {"name": "b.txt"}])
def test_a_key_is_for_one_upload(
    editor: Program, sessions: sessionmaker[Session], other: dict[str, Any]
) -> None:
    assert editor.upload(b"abc", key="import-1", tags="sea").status_code == 201
    answer = editor.upload(**({"content": b"abc", "key": "import-1", "tags": "sea"} | other))
    assert answer.json is not None
    assert (answer.status_code, answer.json["code"]) == (409, "idempotency_key_reused")
    assert number_of_documents(sessions) == 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, "\u00e4"])
def test_a_key_that_cannot_be_one_is_refused(editor: Program, key: str) -> None:
    answer = editor.upload(b"abc", key=key)
    assert answer.json is not None
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")


def test_two_people_may_use_the_same_key(
    editor: Program, program: Callable[..., Program], acme: VirtualInstance, sessions: sessionmaker[Session]
) -> None:
    editor.upload(b"abc", key="1")
    assert "Idempotent-Replayed" not in program(acme).upload(b"abc", key="1").headers
    assert number_of_documents(sessions) == 2


def test_a_key_is_good_for_a_day(editor: Program, sessions: sessionmaker[Session]) -> None:
    editor.upload(b"abc", key="1")
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(update(IdempotencyKey).values(created_at=utc_now() - timedelta(hours=25)))
    assert "Idempotent-Replayed" not in editor.upload(b"abc", key="1").headers
    assert number_of_documents(sessions) == 2
    forget_old_keys(sessions)
    assert "Idempotent-Replayed" in editor.upload(b"abc", key="1").headers


def test_two_uploads_with_one_key_at_once_are_one_document(
    editor: Program, sessions: sessionmaker[Session]
) -> None:
    barrier, answers = Barrier(2), []

    def send() -> None:
        barrier.wait()
        answers.append(editor.upload(b"abc", key="1"))

    threads = [Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json == answers[1].json
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 1
    assert number_of_documents(sessions) == 1


def test_the_list_is_filtered_as_the_page_is(editor: Program, make: Factory, acme: VirtualInstance) -> None:
    sea = editor.upload_id(b"1", "sea.txt", tags="Sea, Blue")
    sky = editor.upload_id(b"2", "sky.txt", tags="sky, blue")
    failed = make.document(acme, title="Failed", tagging_state=TaggingState.FAILED).id

    def found(query: str) -> list[int]:
        return [item["id"] for item in editor.answer("GET", f"/documents{query}")["items"]]

    assert found("") == [failed, sky, sea]
    assert found("?tag=blue") == [sky, sea]
    assert found("?tag=blue&tag=sea") == [sea]
    assert found("?tag=nothing") == []
    assert found("?q=sk") == [sky]
    assert found("?state=failed") == [failed]
    assert found("?sort=oldest") == [sea, sky, failed]
    assert found("?sort=name") == [failed, sea, sky]


def test_a_folder_is_listed_and_one_that_is_not_there_is_not_found(editor: Program, folder_id: int) -> None:
    inside = editor.upload_id(b"1", folder_id=folder_id)
    editor.upload_id(b"2")
    items = editor.answer("GET", f"/documents?folder_id={folder_id}")["items"]
    assert [item["id"] for item in items] == [inside]
    assert editor.refusal("GET", "/documents?folder_id=4711") == (404, "folder_not_found")


@pytest.mark.parametrize("sort", ["newest", "oldest", "name", "name-descending", "largest", "smallest"])
def test_pages_lead_on_until_the_cursor_is_null(
    editor: Program, make: Factory, acme: VirtualInstance, sort: str
) -> None:
    ids = {make.document(acme, title=f"T{number % 2}", size=number % 2 + 1).id for number in range(5)}
    seen, cursor = [], ""
    for _ in range(3):
        page = editor.answer("GET", f"/documents?sort={sort}&limit=2{cursor}")
        seen += [item["id"] for item in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert (len(seen), set(seen)) == (5, ids)


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5", "", "\u0661"])
def test_a_limit_is_from_1_to_200(editor: Program, limit: str) -> None:
    assert editor.refusal("GET", f"/documents?limit={limit}") == (422, "invalid_request")


@pytest.mark.parametrize("query", ["state=lost", "sort=colour", "folder_id=x", "cursor=x", "tags=sea"])
def test_what_a_list_does_not_know_is_refused(editor: Program, query: str) -> None:
    assert editor.refusal("GET", f"/documents?{query}") == (422, "invalid_request")


def test_a_cursor_is_of_its_list_and_cannot_be_made_up(
    editor: Program, program: Callable[..., Program], make: Factory, acme: VirtualInstance
) -> None:
    for _ in range(2):
        make.document(acme)
    cursor = editor.answer("GET", "/documents?limit=1")["next_cursor"]
    position, _, signature = cursor.partition(".")
    other = "A" if position[0] != "A" else "B"
    foreign = (409, "foreign_cursor")
    assert editor.refusal("GET", f"/documents?cursor={other}{position[1:]}.{signature}") == foreign
    assert editor.refusal("GET", f"/documents?sort=name&cursor={cursor}") == foreign
    assert editor.refusal("GET", f"/documents?cursor={position}") == (422, "invalid_request")
    there = program(make.instance("globex"))
    assert there.refusal("GET", f"/documents?cursor={cursor}") == foreign


def test_the_number_of_statements_does_not_grow_with_the_page(
    editor: Program, make: Factory, acme: VirtualInstance, sessions: sessionmaker[Session], app: Any
) -> None:
    from autotag.extensions import db

    def statements() -> int:
        with app.app_context():
            engine = db.engine
        with counted_statements(engine) as sent:
            editor.answer("GET", "/documents?limit=200")
        return len(sent)

    make.tag(make.document(acme), "one")
    editor.answer("GET", "/documents")
    few = statements()
    for number in range(10):
        make.tag(make.document(acme), f"tag {number}")
    assert statements() == few


def test_title_description_and_folder_can_be_changed_one_by_one(editor: Program, folder_id: int) -> None:
    number = editor.upload_id()
    path = f"/documents/{number}"
    assert editor.answer("PATCH", path, json={"title": " New\nname "})["title"] == "New name"
    said = editor.answer("PATCH", path, json={"description": "Two\nlines", "folder_id": folder_id})
    assert (said["title"], said["description"], said["folder_id"]) == ("New name", "Two\nlines", folder_id)
    assert editor.answer("PATCH", path, json={"folder_id": None})["folder_id"] is None
    assert editor.answer("PATCH", path, json={})["description"] == "Two\nlines"


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"title": " \u0007"},
        {"title": None},
        {"title": 1},
        {"title": "x" * 256},
        {"description": "x" * 10_001},
        {"folder_id": "1"},
        {"folder_id": True},
        {"folder_id": 0},
        {"folder_id": 1.5},
        {"size": 1},
        [],
        "title",
    ],
)
def test_a_change_that_cannot_be_is_refused(editor: Program, change: object) -> None:
    number = editor.upload_id()
    assert editor.refusal("PATCH", f"/documents/{number}", json=change) == (422, "invalid_request")


def test_a_change_of_two_things_is_made_as_a_whole_or_not(editor: Program) -> None:
    path = f"/documents/{editor.upload_id()}"
    change = {"title": "New", "folder_id": 4711}
    assert editor.refusal("PATCH", path, json=change) == (404, "folder_not_found")
    assert editor.answer("GET", path)["title"] == "a"


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b'{"folder_id": ' + b"1" * 5000 + b"}"])
def test_a_body_that_is_no_json_is_told_so(editor: Program, body: bytes) -> None:
    path = f"/documents/{editor.upload_id()}"
    sent = {"data": body, "content_type": "application/json"}
    assert editor.refusal("PATCH", path, **sent) == (400, "malformed_json")


def test_a_body_of_another_type_is_told_so(editor: Program) -> None:
    path = f"/documents/{editor.upload_id()}"
    assert editor.refusal("PATCH", path, data="title=x", content_type="text/plain") == (
        415,
        "unsupported_media_type",
    )


def test_deleting_puts_into_the_recycle_bin(editor: Program, sessions: sessionmaker[Session]) -> None:
    number = editor.upload_id()
    answer = editor.call("DELETE", f"/documents/{number}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert editor.refusal("GET", f"/documents/{number}") == (404, "document_not_found")
    assert editor.refusal("DELETE", f"/documents/{number}") == (404, "document_not_found")
    with sessions() as session:
        row = session.scalars(select(Document)).one()
        assert (row.deleted_at is not None, row.deleted_by_id) == (True, editor.user.id)


def test_a_viewer_looks_and_changes_nothing(
    editor: Program, program: Callable[..., Program], acme: VirtualInstance
) -> None:
    number = editor.upload_id()
    viewer = program(acme, Role.VIEWER)
    assert viewer.answer("GET", f"/documents/{number}")["id"] == number
    for method in ("PATCH", "DELETE"):
        assert viewer.refusal(method, f"/documents/{number}", json={}) == (403, "forbidden")


def test_a_limit_field_and_the_service_agree_on_pages() -> None:
    assert cursors.MOST == 200
