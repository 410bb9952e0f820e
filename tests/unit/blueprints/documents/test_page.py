"""The page of one document, as it is served: who sees what, in which state."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session

from autotag.extensions import db
from autotag.models import (
    AssignmentSource,
    Document,
    DocumentVersion,
    Folder,
    PredictionSet,
    Role,
    TaggingAttempt,
    TaggingState,
    VirtualInstance,
)
from autotag.models.unit_of_work import unit_of_work
from tests.unit.blueprints.conftest import Browser, said
from tests.unit.conftest import Factory

Open = Callable[..., Browser]


@pytest.fixture
def document(make: Factory, session: Session, acme: VirtualInstance, default_instance: object) -> Document:
    """A tagged picture with all that a page can show."""
    document = make.document(
        acme,
        title="Our cat",
        description="On the wall.",
        tagging_state=TaggingState.TAGGED,
        width=640,
        height=480,
        exif={"Camera": "Canon EOS"},
    )
    make.tag(document, "pet")
    make.tag(document, "tabby", source=AssignmentSource.AUTO, confidence=0.9)
    rows = [
        DocumentVersion(
            instance_id=acme.id,
            document_id=document.id,
            number=1,
            file_name="cat.png",
            sha256=document.sha256,
            mime_type="image/png",
            size=1,
        ),
        TaggingAttempt(
            instance_id=acme.id,
            document_id=document.id,
            number=1,
            state=TaggingState.TAGGED,
            worker="host.worker-1",
            seconds=0.25,
        ),
        PredictionSet(
            instance_id=acme.id,
            sha256=document.sha256,
            provider="tensorflow",
            model="toy",
            model_version="v0",
            predictions=[["tabby", 0.9], ["sofa", 0.0003]],
        ),
    ]
    with unit_of_work(session) as work:
        work.session.add_all(rows)
    return document


def page_of(browser: Browser, document: Document, query: str = "") -> BeautifulSoup:
    return browser.page(f"/documents/{document.id}{query}")


def actions(page: BeautifulSoup) -> set[str]:
    """Where the forms of the content lead, without the document's number."""
    content = page.find(id="content")
    assert content is not None
    found = {str(form["action"]).partition("?")[0] for form in content.find_all("form")}  # type: ignore[union-attr]
    return {re.sub(r"^/documents/\d+/", "", action) for action in found}


def test_the_page_shows_all_that_is_known(browser: Open, acme: VirtualInstance, document: Document) -> None:
    text = said(page_of(browser(acme), document))
    for part in (
        "Our cat",
        "On the wall.",
        "pet",
        "tabby",
        "640 \u00d7 480 pixels",
        "Canon EOS",
        document.sha256,
        "Version 1 Current",
        "0.25 s",
        "sofa Not used now",
        "under 0.1 %",
        "These predictions are no longer in force.",
    ):
        assert part in text, part


@pytest.mark.parametrize(("role", "is_told"), [(Role.EDITOR, False), (Role.ADMINISTRATOR, True)])
def test_the_history_names_workers_to_administrators_only(
    browser: Open, acme: VirtualInstance, document: Document, role: Role, is_told: bool
) -> None:
    text = said(page_of(browser(acme, role), document))
    assert "History of tagging" in text
    assert ("by host.worker-1" in text) is is_told


def test_an_editor_has_the_controls_and_a_viewer_has_none(
    browser: Open, acme: VirtualInstance, document: Document
) -> None:
    editor = page_of(browser(acme, Role.EDITOR), document)
    assert actions(editor) >= {"edit", "tags", "tags/remove", "untag", "keep-tags", "versions"}
    assert actions(editor) >= {"tag-again", "delete"}
    viewer = page_of(browser(acme, Role.VIEWER), document)
    assert actions(viewer) == set()
    assert viewer.find(class_="chip-remove") is None
    assert viewer.find("a", href=f"/documents/{document.id}/content") is not None


@pytest.mark.parametrize(
    ("code", "label"), [("unreadable_image", "Try again"), ("not_an_image", "Upload another file")]
)
def test_trouble_carries_the_one_button_that_helps(
    browser: Open, make: Factory, acme: VirtualInstance, default_instance: object, code: str, label: str
) -> None:
    broken = make.document(acme, tagging_state=TaggingState.FAILED, tagging_reason_code=code)
    buttons = page_of(browser(acme, Role.EDITOR), broken).select(".trouble .btn")
    assert [button.get_text().strip() for button in buttons] == [label]
    assert page_of(browser(acme, Role.VIEWER), broken).select(".trouble .btn") == []


@pytest.mark.parametrize("state", [TaggingState.FAILED, TaggingState.QUARANTINED])
def test_trouble_is_told_in_a_sentence_once(
    browser: Open, make: Factory, acme: VirtualInstance, default_instance: object, state: TaggingState
) -> None:
    broken = make.document(acme, tagging_state=state, tagging_reason="It has no pixels.")
    page = page_of(browser(acme, Role.EDITOR), broken)
    assert said(page).count("It has no pixels.") == 1
    assert page.find(class_="trouble") is not None
    assert "No tags yet." in said(page)


def test_a_waiting_document_is_watched_until_it_is_final(
    browser: Open, make: Factory, acme: VirtualInstance, document: Document
) -> None:
    waiting = make.document(acme)
    person = browser(acme)
    assert page_of(person, waiting).find(attrs={"data-pending": True}) is not None
    answer = person.get(f"/documents/{waiting.id}/tagging").json
    assert answer is not None
    assert answer["pending"] is True
    done = person.get(f"/documents/{document.id}/tagging").json
    assert done is not None
    assert (done["pending"], done["announcement"]) == (False, "Our cat: 2 tags")
    page = page_of(person, document)
    for name, html in done["parts"].items():
        place = page.find(attrs={"data-part": name})
        assert place is not None, name
        assert said(place) == said(BeautifulSoup(html, "html.parser"))  # type: ignore[arg-type]


def test_steps_stay_within_the_list_that_one_came_from(
    browser: Open, make: Factory, acme: VirtualInstance, document: Document
) -> None:
    make.document(acme, title="Zebra")
    other = make.document(acme, title="Aardvark")
    make.document(acme, title="Apple", mime_type="image/gif")
    page = page_of(browser(acme), document, "?order=name&type=image/png&view=list&cursor=abc&strange=1")
    before, after = (page.find(attrs={"data-step": key}) for key in ("ArrowLeft", "ArrowRight"))
    assert before is not None
    assert before["href"] == f"/documents/{other.id}?type=image/png&order=name&view=list&cursor=abc"  # type: ignore[index]
    assert after is not None
    assert "Zebra" in after["title"]  # type: ignore[index]
    back = page.find("a", class_="back-link")
    assert back is not None
    assert back["href"] == "/documents?type=image/png&order=name&view=list&cursor=abc"  # type: ignore[index]


def test_moving_comes_back_to_the_document_and_deleting_to_the_list(
    browser: Open, acme: VirtualInstance, document: Document
) -> None:
    person = browser(acme, Role.EDITOR)
    page = page_of(person, document, "?order=name")
    move = page.find("a", href=re.compile("/documents/bulk/move"))
    assert move is not None
    assert f"/documents/{document.id}?order=name" in person.get(str(move["href"])).text  # type: ignore[index]
    form = page.find("form", attrs={"action": re.compile("/delete")})
    assert form is not None
    back = form.find(attrs={"name": "back"})["value"]  # type: ignore[union-attr, index, call-overload]
    answer = person.post(f"/documents/{document.id}/delete", {"back": back})
    assert (answer.status_code, answer.location) == (303, "/documents?order=name")
    assert person.get(f"/documents/{document.id}").status_code == 404


def test_at_the_ends_of_a_list_there_is_no_step(
    browser: Open, acme: VirtualInstance, document: Document
) -> None:
    assert page_of(browser(acme), document).find(attrs={"data-step": True}) is None


def test_the_folder_is_a_way_of_links(
    browser: Open, session: Session, make: Factory, acme: VirtualInstance, default_instance: object
) -> None:
    with unit_of_work(session) as work:
        above = Folder(instance_id=acme.id, name="Pets", normalized_name="pets")
        work.session.add(above)
        work.session.flush()
        below = Folder(instance_id=acme.id, parent_id=above.id, name="Cats", normalized_name="cats")
        work.session.add(below)
    page = page_of(browser(acme), make.document(acme, folder_id=below.id))
    links = [(link["href"], link.get_text()) for link in page.select(".details dd a")]
    assert links == [(f"/documents?folder={above.id}", "Pets"), (f"/documents?folder={below.id}", "Cats")]


@contextmanager
def counted(app: Flask) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def test_more_of_everything_costs_no_more_queries(
    app: Flask, browser: Open, make: Factory, session: Session, acme: VirtualInstance, document: Document
) -> None:
    person = browser(acme, Role.EDITOR)
    page_of(person, document)
    with counted(app) as few:
        page_of(person, document)
    for number in range(2, 12):
        make.tag(document, f"tag {number}", source=AssignmentSource.AUTO, confidence=0.5)
        uploader = make.user(acme)
        with unit_of_work(session) as work:
            work.session.add_all(
                [
                    DocumentVersion(
                        instance_id=acme.id,
                        document_id=document.id,
                        number=number,
                        file_name="x",
                        sha256="a" * 64,
                        mime_type="image/png",
                        size=1,
                        created_by_id=uploader.id,
                    ),
                    TaggingAttempt(
                        instance_id=acme.id,
                        document_id=document.id,
                        number=number,
                        state=TaggingState.FAILED,
                    ),
                    PredictionSet(
                        instance_id=acme.id,
                        sha256=document.sha256,
                        provider="tensorflow",
                        model="toy",
                        model_version=f"v{number}",
                        predictions=[["a", 0.5]],
                    ),
                ]
            )
    with counted(app) as many:
        page_of(person, document)
    assert len(many) == len(few)


@pytest.mark.parametrize(
    "path", ["edit", "tags", "tags/remove", "tags/put-back", "untag", "keep-tags", "versions"]
)
def test_a_viewer_changes_nothing(
    browser: Open, acme: VirtualInstance, document: Document, path: str
) -> None:
    assert browser(acme, Role.VIEWER).post(f"/documents/{document.id}/{path}").status_code == 403
