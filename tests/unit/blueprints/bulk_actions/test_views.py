from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.library.query import DocumentQuery, Selection
from autotag.models import BulkActionState, Role, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk import actions as bulk_actions
from autotag.tagging.bulk.actions import BulkKind, fail, load_action, start_action
from autotag.tagging.bulk.scheduler_step import tend_bulk_actions
from tests.unit.blueprints.conftest import Browser, said
from tests.unit.conftest import Factory


@pytest.fixture
def editor(
    browser: Callable[..., Browser], acme: VirtualInstance, default_instance: VirtualInstance
) -> Browser:
    return browser(acme, Role.EDITOR)


@pytest.fixture
def deleting(
    sessions: sessionmaker[Session], acme: VirtualInstance, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> int:
    """A deletion of five documents, two at a time, of which nothing is done yet."""
    monkeypatch.setattr(bulk_actions, "AT_ONCE", 2)
    for _ in range(5):
        make.document(acme)
    everything = Selection(query=DocumentQuery())
    with sessions() as session, unit_of_work(session) as work:
        return start_action(work, acme.id, BulkKind.DELETE, everything, user_id=None).id


def test_the_page_shows_how_far_it_is_and_follows(
    editor: Browser, sessions: sessionmaker[Session], deleting: int
) -> None:
    page = editor.page(f"/bulk-actions/{deleting}")
    assert page.select_one("[data-pending]")
    assert "0 of 5 files done." in said(page)
    tend_bulk_actions(sessions)
    answer = editor.get(f"/bulk-actions/{deleting}/progress").json
    assert answer is not None
    assert answer["pending"]
    assert "2 of 5 files done." in answer["html"]


def test_cancelled_it_says_what_was_done_and_offers_to_undo_that(
    editor: Browser, sessions: sessionmaker[Session], deleting: int
) -> None:
    tend_bulk_actions(sessions)
    answer = editor.post(f"/bulk-actions/{deleting}/cancel", {"back": "/documents?q=x"})
    page = editor.page(answer.location)
    assert "Cancelled. 2 files moved to the recycle bin." in said(page)
    assert page.select_one(f"form[action='/bulk-actions/{deleting}/undo']")
    assert page.select_one("a.btn-primary")["href"] == "/documents?q=x"  # type: ignore[index]
    assert editor.post(f"/bulk-actions/{deleting}/undo").location == "/documents"
    assert "2 files restored." in said(editor.page("/documents"))


def test_a_large_undo_has_a_page_as_well(
    editor: Browser, sessions: sessionmaker[Session], deleting: int
) -> None:
    while tend_bulk_actions(sessions):
        pass
    answer = editor.post(f"/bulk-actions/{deleting}/undo")
    assert "Restoring files" in said(editor.page(answer.location))
    assert answer.location.startswith("/bulk-actions/")


def test_one_that_failed_says_why(
    editor: Browser, sessions: sessionmaker[Session], acme: VirtualInstance, deleting: int
) -> None:
    with sessions() as session, unit_of_work(session) as work:
        fail(load_action(work.session, acme.id, deleting), "There is no such folder here.")
    page = said(editor.page(f"/bulk-actions/{deleting}"))
    assert "It stopped: There is no such folder here. 0 files moved to the recycle bin." in page


def test_cancelling_what_is_over_changes_nothing(
    editor: Browser, sessions: sessionmaker[Session], acme: VirtualInstance, deleting: int
) -> None:
    while tend_bulk_actions(sessions):
        pass
    editor.post(f"/bulk-actions/{deleting}/cancel")
    with sessions() as session:
        assert load_action(session, acme.id, deleting).state == BulkActionState.FINISHED


def test_an_edit_of_tags_offers_undo_in_the_notice_and_on_its_page(
    editor: Browser, sessions: sessionmaker[Session], acme: VirtualInstance, make: Factory
) -> None:
    ids = [make.document(acme).id for _ in range(2)]
    editor.post("/documents/bulk/tags", {"id": ids, "names": "harbour", "mode": "edit"})
    page = editor.page("/documents")
    assert "Tags of 2 files changed." in said(page)
    address = str(page.select("form.notice-act")[0]["action"])
    # The page of an action that is over, which one may have left before, has the button as well.
    shown = editor.page(address.removesuffix("/undo"))
    assert shown.select_one(f"form[action='{address}']")
    editor.post(address)
    assert "Undone: tags of 2 files are as they were." in said(editor.page("/documents"))
    assert not editor.page(address.removesuffix("/undo")).select_one(f"form[action='{address}']")


def test_a_large_merge_leads_to_its_page(
    editor: Browser,
    sessions: sessionmaker[Session],
    acme: VirtualInstance,
    make: Factory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("autotag.tagging.bulk.merge.PART", 1)
    kitty = make.tag(make.document(acme), "kitty").id
    cat = make.tag(make.document(acme), "cat").id
    answer = editor.post("/tags/merge", {"id": [kitty, cat], "keep": cat})
    page = editor.page(answer.location)
    assert "Merging tags" in said(page)
    assert page.select_one("[data-pending]")
    while tend_bulk_actions(sessions):
        pass
    page = editor.page(answer.location)
    assert "kitty merged into cat: 1 file changed." in said(page)
    assert page.select_one("a.btn-primary")["href"] == f"/tags/{cat}"  # type: ignore[index]
