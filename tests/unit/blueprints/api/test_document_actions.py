"""What is done to one document by the API."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.entries import TENSORFLOW
from autotag.configuration.secret_box import SecretBox
from autotag.configuration.store import Place, Submission, save
from autotag.models import AssignmentSource, Document, TagRejection, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from tests.unit.blueprints.api.conftest import Program
from tests.unit.conftest import Factory

AUTO = AssignmentSource.AUTO


@pytest.fixture
def document(make: Factory, acme: VirtualInstance) -> Document:
    """A photograph with a manual and an automatic tag."""
    document = make.document(acme, title="Photograph")
    make.tag(document, "holiday")
    make.tag(document, "cat", source=AUTO, confidence=0.9)
    return document


def enable_tensorflow(sessions: sessionmaker[Session], instance: VirtualInstance) -> None:
    texts = {"enabled": "true", "model": "toy", "confidence_threshold": "0.1"}
    with sessions() as session, unit_of_work(session) as work:
        place = Place.of(TENSORFLOW, instance.id)
        choices = {"installed-models": [("toy", "Toy")]}
        save(work, place, Submission(texts, "test"), box=SecretBox(("key",)), choices=choices)


def tags(answer: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {tag["name"]: tag["source"] for tag in answer["tags"]}


def test_tags_are_put_on_by_hand(editor: Program, document: Document) -> None:
    said = editor.answer("POST", f"/documents/{document.id}/tags", json={"tags": ["Sea", "CAT"]})
    assert tags(said) == {"holiday": "manual", "cat": "manual", "Sea": "manual"}


@pytest.mark.parametrize("body", [{}, {"tags": []}, {"tags": "sea"}, {"tags": ["a,b"]}, {"tags": [None]}])
def test_tags_are_a_list_of_names(editor: Program, document: Document, body: dict[str, object]) -> None:
    path = f"/documents/{document.id}/tags"
    assert editor.refusal("POST", path, json=body) == (422, "invalid_request")


def test_a_tag_that_is_taken_off_is_remembered(
    editor: Program, document: Document, sessions: sessionmaker[Session]
) -> None:
    path = f"/documents/{document.id}/tags/CAT"
    assert editor.call("DELETE", path).status_code == 204
    assert editor.refusal("DELETE", path) == (404, "tag_not_found")
    assert tags(editor.answer("GET", f"/documents/{document.id}")) == {"holiday": "manual"}
    with sessions() as session:
        rejected = session.scalars(select(TagRejection)).one()
        assert (rejected.normalized_name, rejected.created_by_id) == ("cat", editor.user.id)


def test_untag_takes_the_automatic_tags_off(editor: Program, document: Document) -> None:
    said = editor.answer("POST", f"/documents/{document.id}/untag")
    assert tags(said) == {"holiday": "manual"}


def test_commit_makes_them_ordinary(editor: Program, document: Document) -> None:
    said = editor.answer("POST", f"/documents/{document.id}/commit")
    assert tags(said) == {"holiday": "manual", "cat": "manual"}


def test_retag_starts_a_run(
    editor: Program, document: Document, sessions: sessionmaker[Session], acme: VirtualInstance
) -> None:
    path = f"/documents/{document.id}/retag"
    assert editor.refusal("POST", path) == (409, "switched_off")
    enable_tensorflow(sessions, acme)
    answer = editor.post(path)
    assert answer.json is not None
    assert (answer.status_code, answer.json["scope"], answer.json["covers"]) == (
        201,
        "selection",
        "Photograph",
    )
    assert answer.headers["Location"] == f"/api/v1/runs/{answer.json['id']}"
    text = editor.upload_id(b"no picture")
    assert editor.refusal("POST", f"/documents/{text}/retag") == (409, "nothing_to_tag")


@pytest.mark.parametrize("act", ["retag", "untag", "commit"])
def test_what_lies_in_the_bin_is_not_there(editor: Program, document: Document, act: str) -> None:
    editor.call("DELETE", f"/documents/{document.id}")
    assert editor.refusal("POST", f"/documents/{document.id}/{act}") == (404, "document_not_found")
