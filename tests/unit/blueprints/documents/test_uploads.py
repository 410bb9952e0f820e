"""Uploads over HTTP: into a folder, with tags, twice, and sent again after an answer was lost."""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from autotag.media.library.folder_paths import folder_paths
from autotag.media.library.search import matching_ids
from autotag.models import (
    AssignmentSource,
    Document,
    Folder,
    Role,
    Tag,
    TagAssignment,
    TaggingState,
    VirtualInstance,
)
from tests.unit.blueprints.conftest import Browser
from tests.unit.conftest import Factory

PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)
JSON = {"Accept": "application/json"}


@pytest.fixture
def editor(browser: Callable[..., Browser], acme: VirtualInstance) -> Browser:
    return browser(acme, Role.EDITOR)


@pytest.fixture
def folder(make: Factory, acme: VirtualInstance) -> Folder:
    return make_folder(make, acme)


def make_folder(make: Factory, instance: VirtualInstance) -> Folder:
    return make._save(Folder(instance_id=instance.id, name="Trips", normalized_name="trips"))


def send(
    browser: Browser, *names: str, content: bytes = PNG, script: bool = True, **fields: object
) -> TestResponse:
    files = [(BytesIO(content), name) for name in names or ("cat.png",)]
    browser.post("/documents", {})  # fetches the token
    data: Mapping[str, Any] = {"csrf_token": browser._token, "file": files} | fields
    headers = JSON if script else {}
    return browser.client.post("/documents", data=data, base_url=f"http://{browser.host}/", headers=headers)


def tags_of(session: Session, document_id: int) -> dict[str, AssignmentSource]:
    rows = session.execute(
        select(Tag.name, TagAssignment.source)
        .join(TagAssignment, TagAssignment.tag_id == Tag.id)
        .where(TagAssignment.document_id == document_id)
    )
    return dict(rows.all())


def number_of_documents(session: Session) -> int:
    return session.scalar(select(func.count(Document.id))) or 0


def test_tags_given_at_upload_are_a_persons_and_are_found(
    editor: Browser, session: Session, acme: VirtualInstance
) -> None:
    answer = send(editor, tags=["harbour, old town", "Harbour"])
    assert answer.status_code == 201
    assert answer.json is not None
    document = session.get_one(Document, answer.json["id"])
    assert tags_of(session, document.id) == {
        "Harbour": AssignmentSource.MANUAL,
        "old town": AssignmentSource.MANUAL,
    }
    # A worker still makes its pictures, and then leaves it `skipped`.
    assert document.tagging_state is TaggingState.QUEUED
    found = matching_ids(session, acme.id, "harb")
    assert found is not None
    assert session.scalars(found).all() == [document.id]
    assert "Harbour" in answer.json["card"]


def test_a_tag_that_cannot_be_one_refuses_the_upload_and_nothing_is_stored(
    editor: Browser, session: Session
) -> None:
    answer = send(editor, tags="good, a#b")
    assert (answer.status_code, answer.json and answer.json["code"]) == (422, "tag_name")
    assert answer.json
    assert answer.json["detail"] == "A tag cannot contain #: a#b"
    page = send(editor, tags="a#b", script=False)
    assert page.status_code == 303
    assert "Nothing was uploaded. A tag cannot contain #" in editor.get("/documents").text
    assert number_of_documents(session) == 0


def test_a_file_goes_into_the_folder_that_is_open(editor: Browser, session: Session, folder: Folder) -> None:
    answer = send(editor, folder_id=folder.id)
    assert answer.json is not None
    assert answer.json["folder_id"] == folder.id
    assert session.get_one(Document, answer.json["id"]).folder_id == folder.id


def test_the_plain_form_stores_all_files_in_the_folder_with_the_tags_and_leads_back_there(
    editor: Browser, session: Session, folder: Folder
) -> None:
    answer = send(editor, "a.png", "b.png", script=False, folder_id=folder.id, tags="trip")
    assert (answer.status_code, answer.location) == (303, f"/documents?folder={folder.id}")
    documents = session.scalars(select(Document)).all()
    assert {document.folder_id for document in documents} == {folder.id}
    assert all(tags_of(session, document.id) == {"trip": "manual"} for document in documents)
    assert "2 files uploaded." in editor.get("/documents").text


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("number", ["88001", "x", "9" * 30])
def test_a_folder_that_is_not_there_is_a_404_and_nothing_is_stored(
    editor: Browser, session: Session, script: bool, number: str
) -> None:
    answer = send(editor, script=script, folder_id=number)
    assert answer.status_code == 404
    if script:
        assert answer.json
        assert answer.json["code"] == "folder_not_found"
    assert number_of_documents(session) == 0


def test_another_instances_folder_is_not_there(
    editor: Browser, session: Session, make: Factory, default_instance: VirtualInstance
) -> None:
    theirs = make_folder(make, default_instance)
    answers = [send(editor, folder_id=number) for number in (theirs.id, 88_001)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json == answers[1].json
    assert number_of_documents(session) == 0


def test_content_that_is_there_already_is_accepted_and_the_answer_names_the_document(
    editor: Browser, session: Session
) -> None:
    first = send(editor, "first.png").json
    second = send(editor, "second.png").json
    assert first
    assert second
    assert first["same_content"] is None
    assert second["same_content"] == {"url": first["url"], "title": "first"}
    assert number_of_documents(session) == 2


def test_a_file_sent_again_after_its_answer_was_lost_is_stored_once(
    editor: Browser, session: Session, folder: Folder
) -> None:
    first = send(editor, folder_id=folder.id, tags="trip")
    again = send(editor, folder_id=folder.id, tags="trip", again="1")
    assert first.json
    assert again.json
    assert (again.status_code, again.json["id"]) == (201, first.json["id"])
    assert again.json["same_content"] is None
    elsewhere = send(editor, again="1")
    assert elsewhere.json
    assert elsewhere.json["id"] != first.json["id"]
    assert number_of_documents(session) == 2


def test_a_file_of_a_dropped_folder_goes_into_folders_of_these_names_below_the_open_one(
    editor: Browser, session: Session, acme: VirtualInstance, folder: Folder
) -> None:
    first = send(editor, "a.png", folder_id=folder.id, path="Italy/Day 1").json
    second = send(editor, "b.png", folder_id=folder.id, path="ITALY/Day 1").json
    third = send(editor, "c.png", path="Italy").json
    assert first
    assert second
    assert third
    assert first["folder_id"] == second["folder_id"]
    made = [first["folder_id"], third["folder_id"]]
    assert folder_paths(session, acme.id, made) == {made[0]: "Trips/Italy/Day 1", made[1]: "Italy"}
    again = send(editor, "a.png", folder_id=folder.id, path="Italy/Day 1", again="1").json
    assert again
    assert again["id"] == first["id"]


@pytest.mark.parametrize("path", ["Italy/..", "a\tb", "x" * 256, "/".join("x" * 21), "x" * 9000])
def test_a_folder_that_cannot_be_made_refuses_the_file_and_leaves_nothing(
    editor: Browser, session: Session, path: str
) -> None:
    answer = send(editor, path=path)
    assert answer.status_code == 422
    assert answer.json
    assert answer.json["code"] in ("folder_name", "folder_too_deep")
    assert number_of_documents(session) == 0
    assert session.scalar(select(func.count(Folder.id))) == 0


def test_a_viewer_may_not_upload(
    browser: Callable[..., Browser], acme: VirtualInstance, session: Session
) -> None:
    assert send(browser(acme, Role.VIEWER), tags="a").status_code == 403
    assert number_of_documents(session) == 0


def test_the_sheet_asks_for_tags_and_says_what_they_may_hold(editor: Browser) -> None:
    page = editor.page("/documents")
    field = page.find("input", attrs={"name": "tags"})
    assert field is not None
    assert set("#,&") <= set(str(field["data-forbidden"]))
    assert field["data-longest"] == "75"
