import io
import zipfile
from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.blueprints.documents.choice import pack
from autotag.models import (
    AssignmentSource,
    BulkAction,
    Document,
    Folder,
    Role,
    Tag,
    TagAssignment,
    TaggingState,
    VirtualInstance,
)
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk import actions as bulk_actions
from autotag.tagging.bulk.scheduler_step import tend_bulk_actions
from tests.unit.blueprints.conftest import Browser, parsed, said
from tests.unit.conftest import Factory


@pytest.fixture
def editor(
    browser: Callable[..., Browser], acme: VirtualInstance, default_instance: VirtualInstance
) -> Browser:
    return browser(acme, Role.EDITOR)


@pytest.fixture
def viewer(
    browser: Callable[..., Browser], acme: VirtualInstance, default_instance: VirtualInstance
) -> Browser:
    return browser(acme, Role.VIEWER)


def alive(sessions: sessionmaker[Session]) -> set[int]:
    with sessions() as session:
        return set(session.scalars(select(Document.id).where(Document.deleted_at.is_(None))))


def tags_of(sessions: sessionmaker[Session], document: Document) -> dict[str, AssignmentSource]:
    with sessions() as session:
        rows = session.execute(
            select(Tag.name, TagAssignment.source)
            .join(TagAssignment, TagAssignment.tag_id == Tag.id)
            .where(TagAssignment.document_id == document.id)
        )
        return {row.name: row.source for row in rows}


def chosen(*documents: Document) -> dict[str, str]:
    return {"selection": pack(document.id for document in documents)}


def test_the_list_has_a_box_for_each_card_and_the_bar(
    editor: Browser, viewer: Browser, acme: VirtualInstance, make: Factory
) -> None:
    document = make.document(acme)
    page = editor.page("/documents?order=oldest")
    box = page.select_one(f"[data-card='{document.id}'] input.card-check[form=bulk-form]")
    assert box is not None
    assert box["value"] == str(document.id)
    bar = page.select_one("form#bulk-form")
    assert bar is not None
    assert "Delete" in said(bar)  # type: ignore[arg-type]
    assert bar.select_one("[name=view]")["value"] == "order=oldest"  # type: ignore[index]
    assert bar.select_one("[name=until]")["value"] == str(document.id)  # type: ignore[index]
    limited = viewer.page("/documents").select_one("form#bulk-form")
    assert "Download" in said(limited)  # type: ignore[arg-type]
    assert "Delete" not in said(limited)  # type: ignore[arg-type]


def test_selected_documents_are_deleted_and_undo_brings_them_back(
    editor: Browser, sessions: sessionmaker[Session], acme: VirtualInstance, make: Factory
) -> None:
    first, second, kept = (make.document(acme) for _ in range(3))
    answer = editor.post("/documents/bulk/delete", {"id": [first.id, second.id], "back": "/documents?q=x"})
    assert (answer.status_code, answer.location) == (303, "/documents?q=x")
    assert alive(sessions) == {kept.id}
    page = editor.page("/documents")
    notice = page.select_one("[data-notice]")
    assert notice is not None
    assert "2 files moved to the recycle bin." in said(notice)  # type: ignore[arg-type]
    form = notice.select_one("form")
    assert form is not None
    assert form.select_one("[name=csrf_token]")
    assert editor.post(form["action"]).status_code == 303  # type: ignore[arg-type]
    assert alive(sessions) == {first.id, second.id, kept.id}
    assert "2 files restored." in said(editor.page("/documents"))
    editor.post(form["action"])  # type: ignore[arg-type]
    assert "This can no longer be undone." in said(editor.page("/documents"))


def test_one_document_is_deleted_from_its_page(
    editor: Browser, sessions: sessionmaker[Session], acme: VirtualInstance, make: Factory
) -> None:
    document = make.document(acme)
    assert editor.post(f"/documents/{document.id}/delete").location == "/documents"
    assert alive(sessions) == set()
    assert editor.post(f"/documents/{document.id}/delete").status_code == 404


def test_all_that_match_are_meant_up_to_what_was_seen(
    editor: Browser, sessions: sessionmaker[Session], acme: VirtualInstance, make: Factory
) -> None:
    tagged, other, later = (make.document(acme) for _ in range(3))
    make.tag(tagged, "cat")
    with sessions() as session, unit_of_work(session) as work:
        from autotag.tagging.document_tags.assign import add_tags

        add_tags(work, acme.id, [later.id], ["cat"], user_id=None)
    editor.post("/documents/bulk/delete", {"all": "1", "view": "tag=cat", "until": str(other.id)})
    assert alive(sessions) == {other.id, later.id}


@pytest.mark.parametrize("page", ["tags", "move", "untag", "commit"])
def test_the_bar_leads_to_the_page_that_asks(
    editor: Browser, acme: VirtualInstance, make: Factory, page: str
) -> None:
    document = make.document(acme)
    answer = editor.post("/documents/bulk", {"page": page, "id": document.id, "back": "/documents"})
    assert answer.status_code == 303
    assert answer.location.startswith(f"/documents/bulk/{page}?selection=")
    shown = editor.page(answer.location)
    assert "1 file" in said(shown)
    assert shown.select_one("[data-bulk-cancel]")["href"] == "/documents"  # type: ignore[index]


def test_nothing_selected_leads_back_and_says_what_to_do(editor: Browser) -> None:
    for path in ("/documents/bulk/delete", "/documents/bulk/tag-again", "/documents/bulk/download"):
        assert editor.post(path).location == "/documents"
        assert "Select at least one file." in said(editor.page("/documents"))
    assert editor.post("/documents/bulk", {"id": 1}).status_code == 303
    assert "Choose what to do with the files." in said(editor.page("/documents"))
    assert editor.get(f"/documents/bulk/tags?selection={pack([4711])}").status_code == 303
    assert "None of the selected files is here any more." in said(editor.page("/documents"))


def test_tags_are_shown_by_how_many_have_them_and_changed(
    editor: Browser, sessions: sessionmaker[Session], acme: VirtualInstance, make: Factory
) -> None:
    first, second = make.document(acme), make.document(acme)
    make.tag(first, "only one")
    page = editor.page(f"/documents/bulk/tags?selection={pack([first.id, second.id])}")
    assert "On some of them" in said(page)
    assert page.select_one("[name=remove]")["value"] == "only one"  # type: ignore[index]
    sent = chosen(first, second) | {"mode": "edit", "names": "new, other ,", "remove": "only one"}
    assert editor.post("/documents/bulk/tags", sent).location == "/documents"
    assert set(tags_of(sessions, first)) == set(tags_of(sessions, second)) == {"new", "other"}
    editor.post("/documents/bulk/tags", chosen(first) | {"mode": "replace", "names": "last", "remove": "x"})
    assert set(tags_of(sessions, first)) == {"last"}


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ({"mode": "edit", "names": " , "}, "Enter a tag to add, or choose one to remove."),
        ({"mode": "replace", "names": ""}, "Enter the tags that the files are to have."),
        ({"mode": "edit", "names": "a/b"}, "A tag cannot contain /: a/b"),
    ],
)
def test_tags_that_cannot_be_are_refused_in_place_and_what_was_typed_stays(
    editor: Browser,
    sessions: sessionmaker[Session],
    acme: VirtualInstance,
    make: Factory,
    sent: dict[str, str],
    reason: str,
) -> None:
    document = make.document(acme)
    make.tag(document, "kept")
    answer = editor.post("/documents/bulk/tags", chosen(document) | sent)
    assert answer.status_code == 422
    assert reason in said(parsed(answer))
    assert parsed(answer).select_one("[name=names]")["value"] == sent["names"]  # type: ignore[index]
    assert set(tags_of(sessions, document)) == {"kept"}


def test_files_are_moved_and_back(
    editor: Browser, sessions: sessionmaker[Session], acme: VirtualInstance, make: Factory
) -> None:
    with sessions() as session, unit_of_work(session) as work:
        work.session.add(Folder(id=5, instance_id=acme.id, name="Rome", normalized_name="rome"))
    document = make.document(acme)
    page = editor.page(f"/documents/bulk/move?selection={pack([document.id])}")
    assert [each["value"] for each in page.select("[name=folder]")] == ["top", "5"]
    editor.post("/documents/bulk/move", chosen(document) | {"folder": "5"})
    assert place(sessions, document) == 5
    form = editor.page("/documents").select_one("[data-notice] form")
    assert form is not None
    editor.post(form["action"])  # type: ignore[arg-type]
    assert place(sessions, document) is None
    assert "1 file moved back." in said(editor.page("/documents"))
    for wrong, words in (
        ("99", "There is no such folder here."),
        ("", "Choose a folder"),
        ("-1", "Choose a folder"),
    ):
        editor.post("/documents/bulk/move", chosen(document) | {"folder": wrong})
        assert words in said(editor.page("/documents"))
    assert place(sessions, document) is None


def place(sessions: sessionmaker[Session], document: Document) -> int | None:
    with sessions() as session:
        return session.scalars(select(Document.folder_id).where(Document.id == document.id)).one()


def test_automatic_tags_are_removed_or_kept_after_a_question(
    editor: Browser, sessions: sessionmaker[Session], acme: VirtualInstance, make: Factory
) -> None:
    first, second = make.document(acme, tagging_state=TaggingState.TAGGED), make.document(acme)
    for document, name in ((first, "a"), (second, "b")):
        make.tag(document, name, source=AssignmentSource.AUTO, confidence=0.5)
    question = editor.page(f"/documents/bulk/untag?selection={pack([first.id])}")
    assert "1 automatic tag goes from 1 file." in said(question)
    editor.post("/documents/bulk/untag", chosen(first))
    assert tags_of(sessions, first) == {}
    editor.post("/documents/bulk/commit", chosen(second))
    assert tags_of(sessions, second) == {"b": AssignmentSource.MANUAL}


def test_tagging_again_starts_a_run_or_says_why_not(
    editor: Browser, acme: VirtualInstance, make: Factory
) -> None:
    document = make.document(acme, mime_type="text/plain")
    answer = editor.post("/documents/bulk/tag-again", chosen(document))
    assert answer.location == "/documents"
    assert editor.page("/documents").select_one(".notice-warning")


def test_a_download_is_a_zip_of_what_was_chosen(
    viewer: Browser, acme: VirtualInstance, make: Factory, keep: Callable[[bytes], str]
) -> None:
    first = make.document(acme, file_name="a.txt", sha256=keep(b"one"), size=3)
    second = make.document(acme, file_name="a.txt", sha256=keep(b"two"), size=3)
    make.document(acme)
    answer = viewer.post("/documents/bulk/download", {"id": [first.id, second.id]})
    assert answer.status_code == 303
    sent = viewer.get(answer.location)
    assert sent.headers["Content-Disposition"] == 'attachment; filename="autotag-2-files.zip"'
    assert sent.mimetype == "application/zip"
    with zipfile.ZipFile(io.BytesIO(sent.data)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "a.txt": b"one",
            "a (2).txt": b"two",
        }


def test_many_documents_are_worked_off_on_a_page_of_their_own(
    editor: Browser,
    sessions: sessionmaker[Session],
    acme: VirtualInstance,
    make: Factory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk_actions, "AT_ONCE", 2)
    for _ in range(5):
        make.document(acme)
    answer = editor.post("/documents/bulk/delete", {"all": "1", "view": ""})
    assert answer.location.startswith("/bulk-actions/")
    assert "0 of 5 files done." in said(editor.page(answer.location))
    while tend_bulk_actions(sessions):
        pass
    assert "5 files moved to the recycle bin." in said(editor.page(answer.location))


def test_another_instances_documents_are_left_alone(
    editor: Browser, sessions: sessionmaker[Session], acme: VirtualInstance, make: Factory
) -> None:
    theirs = make.document(make.instance("globex"))
    for path in ("delete", "tags", "move", "untag", "commit", "tag-again", "download"):
        sent = chosen(theirs) | {"names": "x", "folder": "top"}
        assert editor.post(f"/documents/bulk/{path}", sent).status_code == 303
        editor.page("/documents")
    assert alive(sessions) == {theirs.id}
    assert tags_of(sessions, theirs) == {}
    with sessions() as session:
        assert session.scalars(select(BulkAction)).all() == []


def test_viewers_may_download_and_nothing_else(viewer: Browser, acme: VirtualInstance, make: Factory) -> None:
    document = make.document(acme)
    for path in (
        "/documents/bulk",
        "/documents/bulk/delete",
        "/documents/bulk/tags",
        f"/documents/{document.id}/delete",
    ):
        assert viewer.post(path, {"id": document.id}).status_code == 403
    assert viewer.get("/recycle-bin").status_code == 403


def test_a_program_gets_what_was_done_as_json(editor: Browser, acme: VirtualInstance, make: Factory) -> None:
    document = make.document(acme)
    editor.post("/account/none")
    answer = editor.client.post(
        "/documents/bulk/delete",
        data={"csrf_token": editor._token, "id": document.id},
        base_url=f"http://{editor.host}/",
        headers={"Accept": "application/json"},
    )
    assert answer.json is not None
    assert (answer.json["state"], answer.json["done"]) == ("finished", 1)
    again = editor.client.post(
        "/documents/bulk/delete",
        data={"csrf_token": editor._token, "id": document.id},
        base_url=f"http://{editor.host}/",
        headers={"Accept": "application/json"},
    )
    assert again.json is not None
    assert (again.status_code, again.json["code"]) == (422, "nothing_selected")
