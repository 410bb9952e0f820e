from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.blueprints.recycle_bin.views import read_position, write_position
from autotag.media.storage.renditions import thumbnail_key
from autotag.media.storage.storage import FolderStorage
from autotag.models import AuditEvent, Document, Role, VirtualInstance
from tests.unit.blueprints.conftest import Browser, said
from tests.unit.conftest import Factory

NOON = datetime(2026, 5, 3, 12, 0, 0, 5, tzinfo=UTC)


@pytest.fixture
def editor(
    browser: Callable[..., Browser], acme: VirtualInstance, default_instance: VirtualInstance
) -> Browser:
    return browser(acme, Role.EDITOR)


def everything(sessions: sessionmaker[Session]) -> dict[int, bool]:
    """Each document by id, with whether it lies in the bin."""
    with sessions() as session:
        rows = session.execute(select(Document.id, Document.deleted_at))
        return {row.id: row.deleted_at is not None for row in rows}


def test_an_empty_bin_says_what_comes_here(editor: Browser) -> None:
    page = editor.page("/recycle-bin")
    assert "The recycle bin is empty" in said(page)
    assert "Empty the bin" not in said(page)


def test_it_shows_what_is_in_it_by_whom_and_from_where_the_latest_first(
    editor: Browser, acme: VirtualInstance, make: Factory
) -> None:
    make.document(acme, title="Old", deleted_at=NOON, deleted_from="Holidays/Rome")
    make.document(acme, title="New", deleted_at=NOON + timedelta(1), deleted_by_id=editor.user.id)
    make.document(acme, title="Alive")
    page = editor.page("/recycle-bin")
    rows = [said(row) for row in page.select("tbody tr")]  # type: ignore[arg-type]
    assert [row.split()[0] for row in rows] == ["New", "Old"]
    assert editor.user.email in rows[0]
    assert "Holidays / Rome" in rows[1]
    assert "2 files" in said(page)


def test_pages_follow_each_other_without_gap_or_repetition(
    editor: Browser, acme: VirtualInstance, make: Factory
) -> None:
    made = [make.document(acme, deleted_at=NOON).id for _ in range(61)]
    first = editor.page("/recycle-bin")
    following = editor.page(first.select_one(".load-more a")["href"])  # type: ignore[index,arg-type]
    shown = [int(row["data-card"]) for page in (first, following) for row in page.select("[data-card]")]  # type: ignore[arg-type]
    assert shown == sorted(made, reverse=True)
    assert editor.page(f"/recycle-bin?cursor={write_position((NOON - timedelta(1), 1))}").select_one(
        ".empty-state"
    )


@pytest.mark.parametrize(
    "text", ["", "x", "-", "20260503120000000005", "20260503120000000005-x", "99-1", "ü-1"]
)
def test_a_position_that_cannot_be_read_is_the_beginning(text: str) -> None:
    assert read_position(text) is None
    assert read_position(write_position((NOON, 7))) == (NOON, 7)


def test_one_some_or_all_are_restored(
    editor: Browser, sessions: sessionmaker[Session], acme: VirtualInstance, make: Factory
) -> None:
    first, second, third = (make.document(acme, deleted_at=NOON).id for _ in range(3))
    editor.post("/recycle-bin/restore", {"id": first})
    assert everything(sessions) == {first: False, second: True, third: True}
    assert editor.post("/recycle-bin/restore", {"all": "1"}).location == "/recycle-bin"
    assert everything(sessions) == {first: False, second: False, third: False}
    assert "2 files restored." in said(editor.page("/recycle-bin"))


def test_deleting_for_good_asks_first_and_is_noted(
    editor: Browser, sessions: sessionmaker[Session], acme: VirtualInstance, make: Factory
) -> None:
    gone, kept = (make.document(acme, deleted_at=NOON).id for _ in range(2))
    answer = editor.post("/recycle-bin/delete", {"id": gone})
    assert everything(sessions) == {gone: True, kept: True}
    page = editor.page(answer.location)
    assert "Delete 1 file for good" in said(page)
    assert "This cannot be undone." in said(page)
    fields = {field["name"]: field["value"] for field in page.select("[data-bulk-sheet] input")}
    assert editor.post("/recycle-bin/delete-for-good", fields).location == "/recycle-bin"
    assert everything(sessions) == {kept: True}
    with sessions() as session:
        event = session.scalars(select(AuditEvent)).one()
        assert (event.actor, event.action) == (editor.user.email, "deleted for good")


def test_the_bin_is_emptied_and_nothing_else(
    editor: Browser, sessions: sessionmaker[Session], acme: VirtualInstance, make: Factory
) -> None:
    for _ in range(3):
        make.document(acme, deleted_at=NOON)
    alive, theirs = make.document(acme), make.document(make.instance("globex"), deleted_at=NOON)
    page = editor.page(editor.post("/recycle-bin/delete", {"all": "1"}).location)
    assert "Delete 3 files for good" in said(page)
    fields = {field["name"]: field["value"] for field in page.select("[data-bulk-sheet] input")}
    editor.post("/recycle-bin/delete-for-good", fields)
    assert everything(sessions) == {alive.id: False, theirs.id: True}


def test_nothing_chosen_leads_back(editor: Browser) -> None:
    for path in ("restore", "delete", "delete-for-good"):
        assert editor.post(f"/recycle-bin/{path}").location == "/recycle-bin"
        assert "Select at least one file." in said(editor.page("/recycle-bin"))
    assert editor.get("/recycle-bin/delete-for-good").location == "/recycle-bin"
    assert editor.get("/recycle-bin/delete-for-good?all=1").location == "/recycle-bin"


def test_pictures_of_the_bin_are_shown_there_and_not_elsewhere(
    editor: Browser, acme: VirtualInstance, make: Factory, storage: FolderStorage
) -> None:
    document = make.document(acme, deleted_at=NOON, width=1, height=1)
    path = storage.incoming()
    path.write_bytes(b"picture")
    storage.keep(path, thumbnail_key(document.sha256), durable=False)
    answer = editor.get(f"/recycle-bin/{document.id}/thumbnail")
    assert answer.data == b"picture"
    answer.close()
    assert editor.get(f"/documents/{document.id}/thumbnail").status_code == 404
    assert editor.get(f"/recycle-bin/{make.document(acme).id}/thumbnail").status_code == 404
