"""The pages about tags: who sees and changes what, and what each says."""

from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import AssignmentSource, BulkAction, Document, Role, Tag, TagAssignment, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.insertion import insert_new
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.tags.create_and_lock import ensure_tags
from tests.unit.blueprints.conftest import Browser, parsed, said
from tests.unit.conftest import Factory

AUTO = {"source": AssignmentSource.AUTO, "provider": "tensorflow", "model": "m", "confidence": 0.8}
Put = Callable[..., int]


@pytest.fixture
def put(sessions: sessionmaker[Session]) -> Put:
    """Puts a tag on documents; returns its id."""

    def put(instance: VirtualInstance, name: str, *documents: Document, **facts: object) -> int:
        with sessions() as session, unit_of_work(session) as work:
            (tag_id,) = ensure_tags(work.session, instance.id, [name]).values()
            row = {
                "instance_id": instance.id,
                "tag_id": tag_id,
                "source": AssignmentSource.MANUAL,
                "created_at": utc_now(),
            }
            rows = [row | {"document_id": document.id} | facts for document in documents]
            insert_new(work.session, TagAssignment.__table__, rows)
        return tag_id

    return put


@pytest.fixture
def editor(browser: Callable[..., Browser], acme: VirtualInstance) -> Browser:
    return browser(acme, Role.EDITOR)


@pytest.fixture
def viewer(browser: Callable[..., Browser], acme: VirtualInstance) -> Browser:
    return browser(acme, Role.VIEWER)


def listed(page: BeautifulSoup) -> list[list[str]]:
    return [
        [cell.get_text(strip=True) for cell in row.find_all(["th", "td"]) if cell.get_text(strip=True)]
        for row in page.select(".tag-table tbody tr")
    ]


def names(sessions: sessionmaker[Session]) -> list[str]:
    with sessions() as session:
        return sorted(session.scalars(select(Tag.name)))


def test_the_list_shows_usages_and_leads_to_each_tag(
    editor: Browser, make: Factory, acme: VirtualInstance, put: Put
) -> None:
    tabby = put(acme, "tabby", make.document(acme), make.document(acme), **AUTO)
    put(acme, "tabby", make.document(acme))
    put(acme, "barn")
    page = editor.page("/tags")
    assert listed(page) == [["barn", "0", "0", "0"], ["tabby", "3", "1", "2"]]
    assert page.select_one(f'a[href="/tags/{tabby}"]')
    assert "2 tags" in said(page)
    assert listed(editor.page("/tags?order=most-used"))[0][0] == "tabby"
    assert listed(editor.page("/tags?q=BAR")) == [["barn", "0", "0", "0"]]
    assert page.select_one('.navigation-link[aria-current="page"]').get_text(strip=True) == "Tags"  # type: ignore[union-attr]


@pytest.mark.parametrize("query", ["order=nonsense", "cursor=nonsense", "q=%00", "q=%25", f"q={'x' * 3000}"])
def test_a_made_up_query_is_a_page_all_the_same(
    editor: Browser, acme: VirtualInstance, put: Put, query: str
) -> None:
    put(acme, "tabby")
    editor.page(f"/tags?{query}")


def test_a_long_list_has_pages(editor: Browser, acme: VirtualInstance, put: Put) -> None:
    for number in range(103):
        put(acme, f"tag {number:03}")
    first = editor.page("/tags")
    assert (len(listed(first)), "103 tags" in said(first)) == (100, True)
    link = first.find("a", string="Next page")
    assert link is not None
    second = editor.page(link["href"])  # type: ignore[index,arg-type]
    assert [row[0] for row in listed(second)] == ["tag 100", "tag 101", "tag 102"]
    assert second.find("a", string="First page")
    assert not second.find("a", string="Next page")


@pytest.mark.parametrize(
    ("path", "words"), [("/tags", "No tags yet"), ("/tags?q=zebra", "No tag contains “zebra”")]
)
def test_an_empty_list_says_what_to_do(editor: Browser, viewer: Browser, path: str, words: str) -> None:
    for person in (editor, viewer):
        assert words in said(person.page(path))


def test_the_list_takes_as_many_statements_for_many_tags_as_for_one(
    app: object, viewer: Browser, make: Factory, acme: VirtualInstance, put: Put
) -> None:
    statements: list[str] = []
    event.listen(Engine, "before_cursor_execute", record := lambda *call: statements.append(call[2]))
    try:
        counts = []
        for number in (1, 50):
            for one in range(number):
                put(acme, f"{number} {one}", make.document(acme))
            for path in ("/tags", "/tags?order=most-used"):
                viewer.page(path)
                statements.clear()
                viewer.page(path)
                counts.append(len(statements))
    finally:
        event.remove(Engine, "before_cursor_execute", record)
    assert counts[:2] == counts[2:]


def test_a_tag_has_a_page_with_its_files_and_who_put_it_there(
    viewer: Browser, make: Factory, acme: VirtualInstance, put: Put
) -> None:
    tag_id = put(acme, "tabby", make.document(acme, title="A stripy one"), **AUTO)
    put(acme, "tabby", make.document(acme), **AUTO | {"provider": "google-cloud-vision"})
    put(acme, "tabby", make.document(acme, title="By hand"))
    page = viewer.page(f"/tags/{tag_id}")
    facts = {row.dt.get_text(): row.dd.get_text() for row in page.select(".tag-facts > div")}  # type: ignore[union-attr]
    assert facts == {
        "Files": "3",
        "By people": "1",
        "Automatic": "2",
        "Google Cloud Vision": "1",
        "TensorFlow": "1",
    }
    assert len(page.select("[data-card]")) == 3
    assert page.find("a", string="Open in Documents and Media")["href"] == "/documents?tag=tabby"  # type: ignore[index]


def test_the_files_of_a_tag_have_pages(
    viewer: Browser, make: Factory, acme: VirtualInstance, put: Put
) -> None:
    tag_id = put(acme, "tabby", *(make.document(acme) for _ in range(61)))
    first = viewer.page(f"/tags/{tag_id}")
    link = first.find("a", string="Next page")
    assert link is not None
    second = viewer.page(link["href"])  # type: ignore[index,arg-type]
    assert (len(first.select("[data-card]")), len(second.select("[data-card]"))) == (60, 1)


def test_a_viewer_sees_but_is_offered_no_change(
    viewer: Browser, make: Factory, acme: VirtualInstance, put: Put
) -> None:
    tag_id = put(acme, "tabby", make.document(acme))
    for path in ("/tags", f"/tags/{tag_id}"):
        page = viewer.page(path)
        assert not page.select('form[method="post"][action^="/tags"], .tag-check, .tag-changes'), path


def test_a_viewer_may_change_nothing(
    viewer: Browser, sessions: sessionmaker[Session], acme: VirtualInstance, put: Put
) -> None:
    tag_id, other = put(acme, "tabby"), put(acme, "cat")
    for path, data in (
        ("/tags", {"name": "new"}),
        (f"/tags/{tag_id}/rename", {"name": "new"}),
        (f"/tags/{tag_id}/delete", {}),
        ("/tags/merge", {"id": tag_id, "keep": other}),
    ):
        assert viewer.post(path, data).status_code == 403, path
    assert names(sessions) == ["cat", "tabby"]


def test_an_editor_adds_a_tag(editor: Browser, sessions: sessionmaker[Session]) -> None:
    answer = editor.post("/tags", {"name": " Freight  car "})
    assert answer.status_code == 303
    assert "Freight car is added." in said(editor.page(answer.location))
    assert names(sessions) == ["Freight car"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "Enter a name"),
        ("a,b", "cannot contain ,"),
        ("x" * 76, "at most 75"),
        ("TABBY", "There is a tag tabby"),
    ],
)
def test_a_name_that_cannot_be_added_comes_back_with_the_reason(
    editor: Browser, sessions: sessionmaker[Session], acme: VirtualInstance, put: Put, name: str, reason: str
) -> None:
    put(acme, "tabby")
    answer = editor.post("/tags", {"name": name})
    page = parsed(answer)
    assert answer.status_code == 422
    assert reason in page.select_one("#new-tag-error").get_text()  # type: ignore[union-attr]
    assert page.select_one("#new-tag")["value"] == name  # type: ignore[index]
    assert names(sessions) == ["tabby"]


def test_an_editor_renames_a_tag(
    editor: Browser, sessions: sessionmaker[Session], acme: VirtualInstance, put: Put
) -> None:
    tag_id = put(acme, "tabby")
    answer = editor.post(f"/tags/{tag_id}/rename", {"name": "Tabby cat"})
    assert (answer.status_code, answer.location) == (303, f"/tags/{tag_id}")
    assert "tabby is Tabby cat now." in said(editor.page(answer.location))
    assert names(sessions) == ["Tabby cat"]


def test_a_renaming_to_another_tags_name_offers_the_merge(
    editor: Browser, sessions: sessionmaker[Session], acme: VirtualInstance, put: Put
) -> None:
    kitty, cat = put(acme, "kitty"), put(acme, "Cat")
    answer = editor.post(f"/tags/{kitty}/rename", {"name": "cat"})
    page = parsed(answer)
    assert answer.status_code == 422
    assert "There is a tag Cat already." in said(page)
    assert page.select_one(".tag-changes").has_attr("open")  # type: ignore[union-attr]
    link = page.find("a", string="Merge into Cat")
    choice = editor.page(link["href"])  # type: ignore[index,arg-type]
    checked = choice.select_one('input[name="keep"][checked]')
    assert checked is not None
    assert checked["value"] == str(cat)
    assert names(sessions) == ["Cat", "kitty"]


def test_tags_that_are_selected_are_merged_into_the_one_that_is_kept(
    editor: Browser, sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance, put: Put
) -> None:
    both = make.document(acme)
    kitty, cat, moggy = (
        put(acme, "kitty", both),
        put(acme, "cat", both, make.document(acme), **AUTO),
        put(acme, "moggy"),
    )
    choice = editor.page(f"/tags/merge?id={kitty}&id={cat}&id={moggy}")
    assert "Merge 3 tags" in said(choice)
    assert choice.select_one('input[name="keep"][checked]')["value"] == str(cat)  # type: ignore[index]
    answer = editor.post("/tags/merge", {"id": [kitty, cat, moggy], "keep": cat})
    assert (answer.status_code, answer.location) == (303, f"/tags/{cat}")
    assert "kitty, moggy merged into cat: 1 file changed." in said(editor.page(answer.location))
    assert names(sessions) == ["cat"]


def test_a_merge_that_cannot_be_says_why(
    editor: Browser, sessions: sessionmaker[Session], acme: VirtualInstance, put: Put
) -> None:
    cat, kitty = put(acme, "cat"), put(acme, "kitty")
    for data, words in (
        ({"id": [cat, kitty], "keep": 987654}, "not there any more"),
        ({"id": [cat, kitty]}, "not there any more"),
        ({"id": [cat, kitty], "keep": "x" * 30}, "not there any more"),
        ({"id": [cat, kitty], "keep": "9" * 30}, "not there any more"),
        ({"id": [cat], "keep": cat}, "Choose at least one other tag"),
    ):
        answer = editor.post("/tags/merge", data)
        assert (answer.status_code, words in said(parsed(answer))) == (422, True), data
    assert "There is no tag zebra." in said(editor.page(f"/tags/merge?id={cat}&name=zebra"))
    for query in ("", f"id={cat}", "id=x&id=-1&id=99999999999"):
        assert "Nothing to merge yet" in said(editor.page(f"/tags/merge?{query}")), query
    assert names(sessions) == ["cat", "kitty"]


def test_deleting_says_how_many_files_lose_the_tag_and_asks_first(
    editor: Browser, sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance, put: Put
) -> None:
    tag_id = put(acme, "tabby", make.document(acme), make.document(acme), **AUTO)
    put(acme, "tabby", make.document(acme))
    words = said(editor.page(f"/tags/{tag_id}/delete"))
    assert "3 files lose the tag, 1 of them tagged by people." in words
    assert names(sessions) == ["tabby"]
    answer = editor.post(f"/tags/{tag_id}/delete")
    assert (answer.status_code, answer.location) == (303, "/tags")
    assert "tabby is deleted. It was on 3 files." in said(editor.page("/tags"))
    assert names(sessions) == []


def test_what_somebody_else_deleted_meanwhile_is_not_found(
    editor: Browser, acme: VirtualInstance, put: Put
) -> None:
    tag_id = put(acme, "tabby")
    editor.post(f"/tags/{tag_id}/delete")
    assert editor.get(f"/tags/{tag_id}").status_code == 404
    for act in ("rename", "delete"):
        assert editor.post(f"/tags/{tag_id}/{act}", {"name": "x"}).status_code == 404


def test_names_are_suggested_to_whoever_types(viewer: Browser, acme: VirtualInstance, put: Put) -> None:
    put(acme, "Freight car")
    put(acme, "cat")
    assert viewer.get("/tags/suggestions?q=CA").json == {"names": ["cat", "Freight car"]}
    assert viewer.get("/tags/suggestions").json == {"names": []}


def test_a_name_is_text_and_nothing_else(
    editor: Browser, make: Factory, acme: VirtualInstance, put: Put
) -> None:
    """Older names may hold what a typed one may not."""
    tag_id = put(acme, "<b>bold</b>", make.document(acme))
    for path in (
        "/tags",
        f"/tags/{tag_id}",
        f"/tags/{tag_id}/delete",
        f"/tags/merge?id={tag_id}&name=%3Cb%3E",
    ):
        assert not editor.page(path).select("main b"), path


class TestTheWholeInstance:
    @pytest.fixture
    def boss(self, administrator: Browser) -> Browser:
        return administrator

    @pytest.fixture(autouse=True)
    def tagged(self, make: Factory, acme: VirtualInstance, put: Put) -> None:
        documents = [make.document(acme, tagging_state="tagged") for _ in range(5)]
        put(acme, "tabby", *documents, **AUTO)
        put(acme, "cat", *documents[:2], **AUTO)
        put(acme, "mine", documents[0])
        globex = make.instance("globex")
        put(globex, "theirs", make.document(globex), **AUTO)

    def sources(self, sessions: sessionmaker[Session]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        with sessions() as session:
            for name, source in session.execute(
                select(Tag.name, TagAssignment.source).join(TagAssignment, TagAssignment.tag_id == Tag.id)
            ):
                found.setdefault(name, set()).add(str(source))
        return found

    def test_what_it_would_change_is_counted_and_asked(self, boss: Browser) -> None:
        words = said(boss.page("/tags/automatic"))
        assert "7 automatic tags on 5 files" in words
        assert "Remove 7 automatic tags" in words

    def test_untagging_takes_the_automatic_ones_off(
        self, boss: Browser, sessions: sessionmaker[Session]
    ) -> None:
        assert boss.post("/tags/automatic/untag").status_code == 303
        assert self.sources(sessions) == {"mine": {"manual"}, "theirs": {"auto"}}
        words = said(boss.page("/tags/automatic"))
        assert "The automatic tags are removed." in words
        assert "There are no automatic tags" in words
        assert "All files untagged" in said(boss.page("/control-panel/audit"))

    def test_committing_makes_them_ordinary_ones(
        self, boss: Browser, sessions: sessionmaker[Session]
    ) -> None:
        assert boss.post("/tags/automatic/commit").status_code == 303
        kept = {"tabby": {"manual"}, "cat": {"manual"}, "mine": {"manual"}, "theirs": {"auto"}}
        assert self.sources(sessions) == kept
        with sessions() as session:
            assert set(session.scalars(select(TagAssignment.provider))) == {"tensorflow", None}

    def test_a_large_one_is_carried_out_in_the_background(
        self, boss: Browser, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("autotag.tagging.bulk.actions.AT_ONCE", 2)
        boss.post("/tags/automatic/untag")
        assert "The automatic tags are being removed." in said(boss.page("/tags/automatic"))
        with sessions() as session:
            (action,) = session.scalars(select(BulkAction))
            assert (action.kind, action.state, action.total) == ("untag", "running", 5)

    def test_without_a_file_there_is_nothing_to_do(
        self, browser: Callable[..., Browser], make: Factory
    ) -> None:
        somebody = browser(make.instance(), Role.ADMINISTRATOR)
        assert somebody.post("/tags/automatic/commit").status_code == 303
        assert "None of the selected files" in said(somebody.page("/tags/automatic"))

    def test_an_editor_may_not(self, editor: Browser, sessions: sessionmaker[Session]) -> None:
        before = self.sources(sessions)
        assert editor.get("/tags/automatic").status_code == 403
        for act in ("untag", "commit"):
            assert editor.post(f"/tags/automatic/{act}").status_code == 403
        assert self.sources(sessions) == before
