"""What people do with folders: by forms that lead on, with reasons where something cannot be done."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.folders.folder_tree import folder_choices
from autotag.models import Document, Folder, Role, VirtualInstance
from tests.unit.blueprints.conftest import Browser, parsed, said
from tests.unit.conftest import Factory


@pytest.fixture
def editor(browser: Callable[..., Browser], acme: VirtualInstance) -> Browser:
    return browser(acme, Role.EDITOR)


@pytest.fixture
def paths(sessions: sessionmaker[Session], acme: VirtualInstance) -> Callable[[], list[str]]:
    def paths() -> list[str]:
        with sessions() as session:
            return [choice.path for choice in folder_choices(session, acme.id)]

    return paths


def create(editor: Browser, name: str, parent: int | str = "") -> int:
    answer = editor.post("/folders", {"name": name, "parent": parent})
    assert answer.status_code == 303
    return int(answer.location.partition("folder=")[2])


def notices(editor: Browser, path: str) -> str:
    return " ".join(said(notice) for notice in editor.page(path).select("[data-notice]"))


def test_a_folder_is_made_renamed_and_moved(editor: Browser, paths: Callable[[], list[str]]) -> None:
    holiday = create(editor, " Holiday ")
    year = create(editor, "2026", holiday)
    other = create(editor, "Other")
    assert paths() == ["Holiday", "Holiday/2026", "Other"]
    answer = editor.post(f"/folders/{year}/rename", {"name": "2027"})
    assert (answer.status_code, answer.location) == (303, f"/documents?folder={year}")
    page = editor.page(f"/folders/{holiday}/move")
    assert [option.text for option in page.select("option")] == ["Documents and Media", "Other"]
    assert editor.post(f"/folders/{holiday}/move", {"parent": other}).status_code == 303
    assert paths() == ["Other", "Other/Holiday", "Other/Holiday/2027"]
    editor.post(f"/folders/{holiday}/move", {"parent": ""})
    assert paths() == ["Holiday", "Holiday/2027", "Other"]


def test_what_cannot_be_done_is_said_where_one_came_from(
    editor: Browser, paths: Callable[[], list[str]]
) -> None:
    holiday = create(editor, "Holiday")
    year = create(editor, "2026", holiday)
    answer = editor.post("/folders", {"name": "holiday"})
    assert (answer.status_code, answer.location) == (303, "/documents")
    assert "There is a folder called holiday here already." in notices(editor, "/documents")
    answer = editor.post("/folders", {"name": "a/b", "parent": holiday})
    assert answer.location == f"/documents?folder={holiday}"
    assert "slash" in notices(editor, answer.location)
    answer = editor.post(f"/folders/{holiday}/move", {"parent": year})
    assert answer.location == f"/documents?folder={holiday}"
    assert "into itself" in notices(editor, answer.location)
    editor.post(f"/folders/{year}/rename", {"name": " "})
    assert "Enter a name" in notices(editor, "/documents")
    assert paths() == ["Holiday", "Holiday/2026"]


@pytest.mark.parametrize("parent", ["x", "99999999999999999999", "-1", "4711"])
def test_a_parent_that_is_no_folder_is_not_found(
    editor: Browser, paths: Callable[[], list[str]], parent: str
) -> None:
    assert editor.post("/folders", {"name": "Holiday", "parent": parent}).status_code == 404
    assert paths() == []


def test_deleting_offers_undo_which_brings_folder_and_files_back(
    editor: Browser,
    make: Factory,
    acme: VirtualInstance,
    sessions: sessionmaker[Session],
    paths: Callable[[], list[str]],
) -> None:
    holiday = create(editor, "Holiday")
    year = create(editor, "2026", holiday)
    document = make.document(acme, folder_id=year)
    answer = editor.post(f"/folders/{year}/delete")
    assert (answer.status_code, answer.location) == (303, f"/documents?folder={holiday}")
    assert paths() == ["Holiday"]
    assert editor.get(f"/documents/{document.id}").status_code == 404
    page = editor.page(f"/documents?folder={holiday}")
    assert "The folder 2026 is deleted" in said(page)
    (form,) = page.select("form.notice-act")
    answer = editor.post(str(form["action"]))
    assert answer.status_code == 303
    assert paths() == ["Holiday", "Holiday/2026"]
    with sessions() as session:
        restored = session.get_one(Document, document.id)
        folder = session.scalars(select(Folder).where(Folder.name == "2026")).one()
        assert (restored.deleted_at, restored.folder_id) == (None, folder.id)
    assert answer.location == f"/documents?folder={folder.id}"


def test_nobody_else_can_take_a_deletion_back(
    editor: Browser, browser: Callable[..., Browser], make: Factory, acme: VirtualInstance
) -> None:
    document = make.document(acme, folder_id=create(editor, "Holiday"))
    editor.post("/folders/1/delete")
    (form,) = editor.page("/documents").select("form.notice-act")
    browser(acme, Role.EDITOR).post(str(form["action"]))
    assert editor.get(f"/documents/{document.id}").status_code == 404


@pytest.mark.parametrize(
    "query", ["", "?stamp=x", "?stamp=99999999999999999999", "?stamp=20260101000000000000&path=%2F%00"]
)
def test_an_undo_that_means_nothing_is_told(editor: Browser, query: str) -> None:
    answer = editor.post(f"/folders/restore{query}")
    assert answer.status_code == 303
    assert notices(editor, "/documents")


def test_a_program_gets_the_reason_as_a_problem(editor: Browser) -> None:
    token = parsed(editor.get("/account")).find("input", attrs={"name": "csrf_token"})
    answer = editor.client.post(
        "/folders",
        data={"csrf_token": token["value"], "name": ""},  # type: ignore[index]
        headers={"Accept": "application/json"},
        base_url=f"http://{editor.host}/",
    )
    assert (answer.status_code, answer.json["code"]) == (422, "folder_name")  # type: ignore[index]
