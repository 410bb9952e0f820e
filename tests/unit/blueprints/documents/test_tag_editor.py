"""Editing the tags of a document by forms and by script."""

from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.media.library.library import load_summary
from autotag.models import AssignmentSource, Document, Role, TaggingState, TagRejection, VirtualInstance
from tests.unit.blueprints.conftest import Browser, parsed, said
from tests.unit.conftest import Factory

Open = Callable[..., Browser]


@pytest.fixture
def document(make: Factory, acme: VirtualInstance, default_instance: object) -> Document:
    document = make.document(acme, tagging_state=TaggingState.TAGGED)
    make.tag(document, "pet")
    make.tag(document, "tabby", source=AssignmentSource.AUTO, confidence=0.9)
    return document


@pytest.fixture
def editor(browser: Open, acme: VirtualInstance) -> Browser:
    return browser(acme, Role.EDITOR)


class Script:
    """The page's script: the same addresses, asking for JSON."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def post(self, path: str, **data: str) -> tuple[int, dict[str, Any]]:
        browser = self.browser
        browser.post("/documents/0/untag")
        sent = {"csrf_token": browser._token} | data
        headers = {"Accept": "application/json"}
        client: FlaskClient = browser.client
        answer = client.post(path, data=sent, headers=headers, base_url=f"http://{browser.host}/")
        assert answer.json is not None
        return answer.status_code, answer.json


def tags(session: Session, document: Document) -> dict[str, str]:
    session.rollback()
    found = load_summary(session, document.instance_id, document.id).tags
    return {tag.name: tag.source.value for tag in found}


def test_several_tags_are_added_at_once_and_an_automatic_one_becomes_manual(
    session: Session, editor: Browser, document: Document
) -> None:
    answer = editor.post(f"/documents/{document.id}/tags?q=x", {"names": "garden, Tabby ,, spring sun"})
    assert (answer.status_code, answer.location) == (303, f"/documents/{document.id}?q=x#tags")
    assert tags(session, document) == {
        "pet": "manual",
        "tabby": "manual",
        "garden": "manual",
        "spring sun": "manual",
    }


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "Enter a name"),
        (" , ", "Enter a name"),
        ("good, b{d", "cannot contain {"),
        ("x" * 76, "at most 75"),
    ],
)
def test_a_name_that_cannot_be_a_tag_is_refused_beside_the_field_and_stays_typed(
    session: Session, editor: Browser, document: Document, typed: str, reason: str
) -> None:
    answer = editor.post(f"/documents/{document.id}/tags", {"names": typed})
    page = parsed(answer)
    assert answer.status_code == 422
    error = page.find(id="tag-names-error")
    field = page.find(id="tag-names")
    assert error is not None
    assert reason in error.get_text()
    assert field is not None
    assert field["value"] == typed  # type: ignore[index]
    assert set(tags(session, document)) == {"pet", "tabby"}
    status, problem = Script(editor).post(f"/documents/{document.id}/tags", names=typed)
    assert (status, problem["code"]) == (422, "tag_name")
    assert reason in problem["detail"]


def undo_form(page: BeautifulSoup) -> dict[str, str]:
    form = page.find("form", attrs={"data-undo": True})
    assert form is not None
    return {"action": form["action"], "removed": form.find(attrs={"name": "removed"})["value"]}  # type: ignore


def test_a_removal_is_remembered_and_undone_from_the_next_page(
    session: Session, editor: Browser, document: Document
) -> None:
    assert editor.post(f"/documents/{document.id}/tags/remove", {"name": "tabby"}).status_code == 303
    assert tags(session, document) == {"pet": "manual"}
    assert session.scalars(select(TagRejection.normalized_name)).all() == ["tabby"]
    page = editor.page(f"/documents/{document.id}")
    assert "tabby is removed." in said(page)
    undo = undo_form(page)
    assert editor.page(f"/documents/{document.id}").find(attrs={"data-undo": True}) is None
    assert editor.post(undo["action"], undo).status_code == 303
    assert tags(session, document) == {"pet": "manual", "tabby": "auto"}
    assert session.scalars(select(TagRejection)).all() == []


def test_a_script_removes_gets_what_changed_and_undoes(
    session: Session, editor: Browser, document: Document
) -> None:
    script = Script(editor)
    status, answer = script.post(f"/documents/{document.id}/tags/remove?order=name", name="tabby")
    assert status == 200
    assert "tabby" not in answer["parts"]["tags"]
    undo = undo_form(BeautifulSoup(answer["notice"], "html.parser"))
    assert undo["action"].endswith("/tags/put-back?order=name")
    status, answer = script.post(undo["action"], removed=undo["removed"])
    assert status == 200
    assert "tabby" in answer["parts"]["tags"]
    assert "notice" not in answer
    assert tags(session, document) == {"pet": "manual", "tabby": "auto"}


def test_what_was_removed_by_somebody_else_already_is_no_error(
    session: Session, editor: Browser, document: Document
) -> None:
    status, answer = Script(editor).post(f"/documents/{document.id}/tags/remove", name="gone")
    assert status == 200
    assert "notice" not in answer


@pytest.mark.parametrize("sealed", ["", "made up"])
def test_a_seal_that_is_not_ours_puts_nothing_back(
    session: Session, editor: Browser, document: Document, sealed: str
) -> None:
    assert editor.post(f"/documents/{document.id}/tags/put-back", {"removed": sealed}).status_code == 303
    assert set(tags(session, document)) == {"pet", "tabby"}


def test_untagging_takes_automatic_tags_and_can_be_undone(
    session: Session, editor: Browser, document: Document
) -> None:
    editor.post(f"/documents/{document.id}/untag")
    assert tags(session, document) == {"pet": "manual"}
    page = editor.page(f"/documents/{document.id}")
    assert "1 automatic tag removed." in said(page) or "tabby is removed." in said(page)
    undo = undo_form(page)
    editor.post(undo["action"], undo)
    assert tags(session, document) == {"pet": "manual", "tabby": "auto"}


def test_keeping_automatic_tags_makes_them_manual(
    session: Session, editor: Browser, document: Document
) -> None:
    assert editor.post(f"/documents/{document.id}/keep-tags").status_code == 303
    assert tags(session, document) == {"pet": "manual", "tabby": "manual"}


def test_keeping_automatic_tags_can_be_undone_on_the_page_of_the_document(
    session: Session, editor: Browser, document: Document
) -> None:
    answer = editor.post(f"/documents/{document.id}/keep-tags")
    # Not at the tags: the notice stands at the top.
    assert answer.location == f"/documents/{document.id}"
    page = editor.page(answer.location)
    assert "Automatic tags of 1 file are ordinary tags now." in said(page)
    form = page.select_one("form.notice-act")
    assert form is not None
    address, back = str(form["action"]), str(form.select_one("[name=back]")["value"])  # type: ignore[index]
    assert back.startswith(f"/documents/{document.id}")
    assert editor.post(address, {"back": back}).location == back.rstrip("?")
    session.rollback()
    assert tags(session, document) == {"pet": "manual", "tabby": "auto"}
