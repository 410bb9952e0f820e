"""Title and description of a document, edited by its form."""

from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup

from autotag.models import Document, Role, VirtualInstance
from tests.unit.blueprints.conftest import Browser, parsed, said
from tests.unit.conftest import Factory

Open = Callable[..., Browser]


@pytest.fixture
def document(make: Factory, acme: VirtualInstance, default_instance: object) -> Document:
    return make.document(acme, title="Our cat", description="On the wall.")


def page_of(browser: Browser, document: Document, query: str = "") -> BeautifulSoup:
    return browser.page(f"/documents/{document.id}{query}")


def test_title_and_description_are_saved_and_one_is_back_in_the_list(
    browser: Open, acme: VirtualInstance, document: Document
) -> None:
    person = browser(acme, Role.EDITOR)
    page = page_of(person, document, "?order=name")
    edition = page.find("input", attrs={"name": "edition"})
    assert edition is not None
    sent = {"title": "Tom", "description": "Ours", "edition": edition["value"]}  # type: ignore[index]
    answer = person.post(f"/documents/{document.id}/edit?order=name", sent)
    assert (answer.status_code, answer.location) == (303, f"/documents/{document.id}?order=name")
    assert "Tom" in said(page_of(person, document))


def test_an_empty_title_is_refused_beside_its_field_with_what_was_typed(
    browser: Open, acme: VirtualInstance, document: Document
) -> None:
    answer = browser(acme, Role.EDITOR).post(
        f"/documents/{document.id}/edit", {"title": " ", "description": "kept <b>", "edition": ""}
    )
    page = parsed(answer)
    assert answer.status_code == 422
    assert "Enter a title." in said(page)
    area = page.find("textarea", attrs={"name": "description"})
    assert area is not None
    assert area.get_text().strip() == "kept <b>"


def test_whoever_saves_second_sees_the_others_words_and_may_then_replace_them(
    browser: Open, acme: VirtualInstance, document: Document
) -> None:
    person = browser(acme, Role.EDITOR)
    address = f"/documents/{document.id}/edit"
    answer = person.post(address, {"title": "Mine", "description": "", "edition": "of long ago"})
    page = parsed(answer)
    assert answer.status_code == 422
    assert "Somebody else changed this meanwhile. It says now: Our cat On the wall." in said(page)
    again = {field["name"]: field.get("value", "") for field in page.select(".edit-texts input[name]")}
    assert again["title"] == "Mine"
    assert person.post(address, again | {"description": ""}).status_code == 303
    assert "Mine" in said(page_of(person, document))
