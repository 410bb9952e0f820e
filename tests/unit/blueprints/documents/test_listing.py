"""The page of Documents and Media: what its address asks for, and what stands on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session, sessionmaker

from autotag.extensions import db
from autotag.media.folders import folder_tree
from autotag.media.folders.folders import create_folder
from autotag.media.library import query_plan, search
from autotag.models import Role, TaggingState, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.document_tags.assign import add_tags
from tests.unit.blueprints.conftest import Browser, said
from tests.unit.conftest import Factory

OpenBrowser = Callable[..., Browser]


@pytest.fixture
def folder(sessions: sessionmaker[Session], acme: VirtualInstance) -> Callable[..., int]:
    def make_folder(name: str, parent_id: int | None = None) -> int:
        with sessions() as session, unit_of_work(session) as work:
            return create_folder(work, acme.id, name, parent_id=parent_id).id

    return make_folder


@pytest.fixture
def document(make: Factory, sessions: sessionmaker[Session], acme: VirtualInstance) -> Callable[..., int]:
    """Makes a document that the search knows, and returns its id."""

    def make_document(title: str, *tags: str, **values: object) -> int:
        made = make.document(acme, **({"title": title, "tagging_state": TaggingState.TAGGED} | values))
        with sessions() as session, unit_of_work(session) as work:
            search.refresh(work.session, [made.id])
            add_tags(work, acme.id, [made.id], tags, user_id=None)
        return made.id

    return make_document


@pytest.fixture
def editor(browser: OpenBrowser, acme: VirtualInstance) -> Browser:
    return browser(acme, Role.EDITOR)


def titles(page: BeautifulSoup) -> list[str]:
    return [link.text for link in page.select("[data-document-grid] [data-card] .card-link")]


def chip_texts(page: BeautifulSoup) -> dict[str, str]:
    return {
        " ".join(link.get_text(" ").split()).removeprefix("Remove the filter "): str(link["href"])
        for link in page.select(".filter-chip")
    }


@contextmanager
def counted(browser: Browser) -> Iterator[list[str]]:
    statements: list[str] = []
    with browser.client.application.app_context():
        engine: Engine = db.engine

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def test_filters_search_and_order_are_combined_and_each_can_be_removed(
    editor: Browser, document: Callable[..., int], folder: Callable[..., int]
) -> None:
    holiday = folder("Holiday")
    inner = folder("2026", holiday)
    document("Beach b", "cat", folder_id=inner, owner_id=editor.user.id)
    document("Beach a", "cat", folder_id=holiday, owner_id=editor.user.id)
    document("Beach c", folder_id=holiday, owner_id=editor.user.id)
    document("Beach d", "cat", owner_id=editor.user.id)
    document("Mountain", "cat", folder_id=holiday, owner_id=editor.user.id)
    address = f"/documents?q=beach&tag=Cat&type=image/*&owner={editor.user.id}&state=tagged&folder={holiday}&order=name"
    page = editor.page(address)
    assert titles(page) == ["Beach a", "Beach b"]
    assert said(page).count("2 files")
    chips = chip_texts(page)
    assert list(chips) == [
        "Search: beach",
        "Tag: Cat",
        "Type: All images",
        f"Owner: {editor.user.email}",
        "State: Tagged",
        "Folder: Holiday",
    ]
    assert titles(editor.page(chips["Tag: Cat"])) == ["Beach a", "Beach b", "Beach c"]
    assert titles(editor.page(chips["Folder: Holiday"])) == ["Beach a", "Beach b", "Beach d"]
    assert titles(editor.page(chips["Search: beach"])) == ["Beach a", "Beach b", "Mountain"]
    kept = {field["name"]: field["value"] for field in page.select("form.search input[type=hidden]")}
    assert kept == {
        "tag": "Cat",
        "type": "image/*",
        "owner": str(editor.user.id),
        "state": "tagged",
        "folder": str(holiday),
        "order": "name",
    }


def test_one_of_two_tags_is_removed_alone(editor: Browser, document: Callable[..., int]) -> None:
    document("Both", "cat")
    chips = chip_texts(editor.page("/documents?tag=cat&tag=dog"))
    assert chips == {"Tag: cat": "/documents?tag=dog", "Tag: dog": "/documents?tag=cat"}


def test_files_in_a_state_for_a_reason_are_found_and_the_reason_is_a_chip(
    editor: Browser, document: Callable[..., int]
) -> None:
    for title, code in (("Cut", "truncated_image"), ("Odd", "unreadable_image")):
        document(title, tagging_state=TaggingState.FAILED, tagging_reason_code=code)
    document("Fine", tagging_reason_code="truncated_image")
    page = editor.page("/documents?state=failed&reason=truncated_image")
    assert titles(page) == ["Cut"]
    chips = chip_texts(page)
    assert list(chips) == ["State: Failed", "Reason: The file ends too early"]
    assert set(titles(editor.page(chips["Reason: The file ends too early"]))) == {"Cut", "Odd"}
    assert set(titles(editor.page(chips["State: Failed"]))) == {"Cut", "Fine"}
    kept = {field["name"] for field in page.select(".filter-form input[type=hidden]")}
    assert kept == {"reason"}


def test_the_untagged_are_found(editor: Browser, document: Callable[..., int]) -> None:
    document("Tagged", "cat")
    document("Bare")
    page = editor.page("/documents?untagged=1")
    assert titles(page) == ["Bare"]
    assert list(chip_texts(page)) == ["Untagged"]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("newest", ["b", "C", "a"]),
        ("oldest", ["a", "C", "b"]),
        ("name", ["a", "b", "C"]),
        ("name-descending", ["C", "b", "a"]),
        ("largest", ["C", "a", "b"]),
        ("smallest", ["b", "a", "C"]),
    ],
)
def test_each_order(editor: Browser, document: Callable[..., int], order: str, expected: list[str]) -> None:
    for title, size in (("a", 2), ("C", 3), ("b", 1)):
        document(title, size=size)
    page = editor.page(f"/documents?order={order}")
    assert titles(page) == expected
    (current,) = page.select(".order-menu [aria-current]")
    assert current["href"] in (f"/documents?order={order}", "/documents")


def test_a_page_leads_to_the_next_and_keeps_what_is_asked_for(
    editor: Browser, make: Factory, acme: VirtualInstance
) -> None:
    for number in range(61):
        make.document(acme, title=f"{number:03}", tagging_state=TaggingState.FAILED)
    first = editor.page("/documents?state=failed&order=name")
    assert titles(first)[0] == "000"
    (more,) = first.select("[data-load-more]")
    second = editor.page(str(more["href"]))
    assert titles(second) == ["060"]
    assert second.select_one(".page-back")["href"] == "/documents?state=failed&order=name"  # type: ignore[index]
    assert not second.select("[data-load-more]")


def test_a_folder_shows_its_own_files_and_the_way_to_it(
    editor: Browser, document: Callable[..., int], folder: Callable[..., int]
) -> None:
    holiday = folder("Holiday")
    inner = folder("2026", holiday)
    document("Inside", folder_id=inner)
    document("Above", folder_id=holiday)
    document("Outside")
    top = editor.page("/documents")
    assert titles(top) == ["Outside", "Above", "Inside"]
    assert [tile.text.strip() for tile in top.select(".folder-name")] == ["Holiday"]
    page = editor.page(f"/documents?folder={inner}")
    assert titles(page) == ["Inside"]
    assert page.h1 is not None
    assert page.h1.text == "2026"
    steps = [step.text for step in page.select(".breadcrumb-steps li")]
    assert steps == ["Documents and Media", "Holiday", "2026"]
    assert page.main is not None
    assert page.main["data-folder-id"] == str(inner)
    assert "1 file" in said(editor.page(f"/documents?folder={holiday}"))


def test_many_folders_are_shown_when_asked_for(
    editor: Browser, folder: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autotag.blueprints.documents.listing.TILES", 2)
    for name in "abc":
        folder(name)
    page = editor.page("/documents")
    assert len(page.select(".folder-tile")) == 2
    (more,) = page.select(".folders-more a")
    assert more.text == "Show all 3 folders"
    assert len(editor.page(str(more["href"])).select(".folder-tile")) == 3


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_an_unknown_folder_or_one_of_another_instance_is_not_found(
    browser: OpenBrowser,
    acme: VirtualInstance,
    default_instance: VirtualInstance,
    folder: Callable[..., int],
    role: Role,
) -> None:
    theirs = folder("Secret")
    visitor = browser(default_instance, role)
    for number in (theirs, 4711):
        assert visitor.get(f"/documents?folder={number}").status_code == 404
        assert visitor.get(f"/documents?folder={number}&q=x").status_code == 404


def test_what_cannot_be_read_is_left_out_and_said(editor: Browser, document: Callable[..., int]) -> None:
    document("Here")
    page = editor.page("/documents?state=happy&owner=me&folder=x&order=up&type=no&view=wall&cursor=%00")
    assert titles(page) == ["Here"]
    assert len(page.select(".notice-warning")) == 6


@pytest.mark.parametrize("view", ["cards", "list", "table"])
def test_each_view_has_what_scripts_and_the_bar_need_and_is_remembered(
    editor: Browser, document: Callable[..., int], view: str
) -> None:
    number = document("Here", "cat", owner_id=editor.user.id)
    page = editor.page(f"/documents?view={view}&tag=cat")
    (grid,) = page.select("[data-document-grid]")
    assert (grid["data-view"], "data-plain" in grid.attrs) == (view, False)
    (card,) = grid.select(f"[data-card='{number}']")
    assert card["data-version"]
    (check,) = card.select("input.card-check[name=id][form=bulk-form]")
    assert (check["value"], check["aria-label"]) == (str(number), "Select Here")
    assert card.select_one(".card-link")["href"] == f"/documents/{number}?tag=cat"  # type: ignore[index]
    answer = editor.get(f"{grid['data-cards-url']}&id={number}")
    assert answer.json is not None
    assert f'data-card="{number}"' in answer.json["cards"][str(number)]
    assert BeautifulSoup(answer.json["cards"][str(number)], "html.parser").find(True).name == card.name  # type: ignore[union-attr]
    assert editor.page("/documents").select_one("[data-document-grid]")["data-view"] == view  # type: ignore[index]
    if view == "table":
        assert editor.user.email in said(page)


def test_the_heads_of_the_table_order_it_and_say_how_it_is_ordered(
    editor: Browser, document: Callable[..., int]
) -> None:
    document("Here")
    page = editor.page("/documents?view=table&order=name")
    heads = {head.text.strip(): head for head in page.select("th")}
    assert list(heads) == ["Name", "Tags", "Type", "Size", "Owner", "Uploaded", "State"]
    assert heads["Name"]["aria-sort"] == "ascending"
    assert heads["Name"].a is not None
    assert heads["Name"].a["href"] == "/documents?order=name-descending"
    assert heads["Size"].a is not None
    assert heads["Size"].a["href"] == "/documents?order=largest"
    assert "aria-sort" not in heads["Size"].attrs
    assert heads["Tags"].a is None


def test_a_tag_on_a_card_narrows_the_list(editor: Browser, document: Callable[..., int]) -> None:
    document("Here", "cat", "snow ice")
    page = editor.page("/documents?q=here&tag=cat")
    links = {link.text: link["href"] for link in page.select("a.chip-name")}
    assert links == {
        "cat": "/documents?q=here&tag=cat",
        "snow ice": "/documents?q=here&tag=cat&tag=snow+ice",
    }
    assert titles(editor.page(str(links["snow ice"]))) == ["Here"]


def test_an_empty_result_says_so_and_offers_the_way_out(
    editor: Browser, document: Callable[..., int], folder: Callable[..., int]
) -> None:
    holiday = folder("Holiday")
    document("Here")
    page = editor.page(f"/documents?q=nowhere&folder={holiday}")
    assert "No file matches" in said(page)
    (way,) = page.select("[data-empty-state] a")
    assert way["href"] == f"/documents?folder={holiday}"
    assert "This folder has no files" in said(editor.page(f"/documents?folder={holiday}"))


def test_scripts_know_how_far_is_counted(editor: Browser, document: Callable[..., int]) -> None:
    document("a")
    (number,) = editor.page("/documents").find_all(attrs={"data-document-count": "1"})
    assert number["data-counted-at-most"] == str(query_plan.COUNTED_AT_MOST)


def test_the_count_stops_at_a_number(
    editor: Browser, document: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("autotag.media.library.query_plan", "autotag.blueprints.documents.filter_labels"):
        monkeypatch.setattr(f"{module}.COUNTED_AT_MOST", 1)
    document("a")
    assert "1 file" in said(editor.page("/documents?order=name"))
    document("b")
    assert "more than 1 files" in said(editor.page("/documents?order=name"))
    assert query_plan.COUNTED_AT_MOST == 1


def test_the_filter_offers_the_types_and_people_that_there_are(
    editor: Browser, make: Factory, document: Callable[..., int]
) -> None:
    document("a", mime_type="image/png", owner_id=editor.user.id)
    document("b", mime_type="image/jpeg")
    document("c", mime_type="application/pdf")
    page = editor.page("/documents")
    options = [option.text for option in page.select("#filter-type option")]
    assert options == ["All types", "All images", "JPEG image", "PDF document", "PNG image"]
    assert [option.text for option in page.select("#filter-owner option")] == ["Everybody", editor.user.email]


def test_a_viewer_sees_no_way_to_change_folders(
    browser: OpenBrowser, acme: VirtualInstance, folder: Callable[..., int]
) -> None:
    page = browser(acme, Role.VIEWER).page(f"/documents?folder={folder('Holiday')}")
    assert not page.select(".folder-actions")


def test_the_panel_says_what_is_known_of_a_file(
    editor: Browser, document: Callable[..., int], folder: Callable[..., int]
) -> None:
    number = document(
        "Here", "cat", folder_id=folder("Holiday"), description="By the sea", owner_id=editor.user.id
    )
    answer = editor.get(f"/documents/{number}/panel?order=name")
    assert answer.json is not None
    panel = BeautifulSoup(answer.json["html"], "html.parser")
    for text in ("Here", "cat", "Holiday", "By the sea", editor.user.email):
        assert text in said(panel)
    assert panel.select_one(".card-link")["href"] == f"/documents/{number}?order=name"  # type: ignore[index]


def test_the_search_stands_on_every_page_with_the_frame(editor: Browser) -> None:
    for path in ("/documents", "/tags", "/account"):
        (form,) = editor.page(path).select("form.search")
        assert form["action"] == "/documents"


@pytest.mark.parametrize("view", ["cards", "list", "table"])
@pytest.mark.parametrize(
    "asked", ["", "&tag=cat&q=file&folder={folder}&type=image/*", "&order=name&state=tagged"]
)
def test_the_number_of_queries_does_not_grow_with_the_list(
    editor: Browser,
    make: Factory,
    document: Callable[..., int],
    folder: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    view: str,
    asked: str,
) -> None:
    monkeypatch.setattr(folder_tree, "TILES", 100)
    holiday = folder("Holiday")
    path = f"/documents?view={view}{asked.format(folder=holiday)}"

    def add(number: int) -> None:
        owner = make.user(VirtualInstance(id=editor.user.instance_id, web_id="acme"))
        folder(f"More {number}", holiday if number % 2 else None)
        document(
            f"file {number}", "cat" if number == 1 else f"tag {number}", folder_id=holiday, owner_id=owner.id
        )

    add(1)
    editor.page(path)
    with counted(editor) as few:
        editor.page(path)
    for number in range(2, 9):
        add(number)
    with counted(editor) as many:
        editor.page(path)
    assert len(many) == len(few) <= 16
