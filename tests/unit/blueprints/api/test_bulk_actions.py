"""Bulk actions by the API: a large merge is started, followed, cancelled; what can be undone is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.library.query import Selection
from autotag.models import BulkAction, Role, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk import merge as bulk_merging
from autotag.tagging.bulk.actions import BulkKind, start_action
from autotag.tagging.bulk.scheduler_step import tend_bulk_actions
from autotag.tagging.tags import merge as tag_merging
from tests.conftest import counted_statements
from tests.unit.blueprints.api.conftest import Program


@pytest.fixture
def merge(editor: Program, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A merge of a tag on five documents, two of them a part."""
    monkeypatch.setattr(tag_merging, "PART", 2)
    monkeypatch.setattr(bulk_merging, "PART", 2)
    for number in range(5):
        document = editor.upload_id(str(number).encode())
        editor.answer("POST", f"/documents/{document}/tags", json={"tags": ["kitty"]})
    target = editor.answer("POST", "/tags", 201, json={"name": "cat"})["id"]
    (source,) = [tag["id"] for tag in editor.answer("GET", "/tags")["items"] if tag["name"] == "kitty"]
    action = editor.answer("POST", "/tags/merge", 202, json={"source_ids": [source], "target_id": target})
    return {"source": source, "target": target, "action": action["id"]}


def test_a_large_merge_is_followed_to_its_result(
    editor: Program, sessions: sessionmaker[Session], merge: dict[str, int]
) -> None:
    address = f"/bulk-actions/{merge['action']}"
    said = editor.answer("GET", address)
    assert (said["state"], said["done"], said["total"], said["result"]) == ("running", 0, 5, None)
    tend_bulk_actions(sessions)
    assert editor.answer("GET", address)["done"] == 2
    while tend_bulk_actions(sessions):
        pass
    said = editor.answer("GET", address)
    assert (said["state"], said["done"], said["result"]["tag_id"]) == ("finished", 5, merge["target"])
    assert editor.answer("GET", f"/tags/{merge['target']}")["documents"] == 5
    assert editor.refusal("POST", f"{address}/undo") == (409, "cannot_undo")


def test_a_merge_can_be_stopped(
    editor: Program, sessions: sessionmaker[Session], merge: dict[str, int]
) -> None:
    tend_bulk_actions(sessions)
    said = editor.answer("POST", f"/bulk-actions/{merge['action']}/cancel")
    assert (said["state"], said["done"], said["result"]["tag_id"]) == ("cancelled", 2, None)
    assert tend_bulk_actions(sessions) == 0
    assert editor.answer("GET", f"/tags/{merge['source']}")["documents"] == 3


def test_one_that_fails_says_why(
    editor: Program, sessions: sessionmaker[Session], merge: dict[str, int]
) -> None:
    editor.call("DELETE", f"/tags/{merge['target']}")
    tend_bulk_actions(sessions)
    said = editor.answer("GET", f"/bulk-actions/{merge['action']}")
    assert (said["state"], said["reason"]) == ("failed", "The tag cat is not there any more.")


def test_what_a_page_has_started_is_undone(
    editor: Program, sessions: sessionmaker[Session], acme: VirtualInstance
) -> None:
    document = editor.upload_id()
    with sessions() as session, unit_of_work(session) as work:
        action = start_action(
            work,
            acme.id,
            BulkKind.EDIT_TAGS,
            Selection(ids=(document,)),
            user_id=None,
            parameters={"add": ["cat"]},
        )
    assert editor.answer("GET", f"/bulk-actions/{action.id}")["can_undo"]
    back = editor.answer("POST", f"/bulk-actions/{action.id}/undo", 202)
    assert (back["kind"], back["state"], back["done"]) == ("undo_tags", "finished", 1)
    assert editor.refusal("POST", f"/bulk-actions/{action.id}/undo") == (409, "cannot_undo")


def test_one_of_a_newer_version_is_shown(
    editor: Program, sessions: sessionmaker[Session], merge: dict[str, int]
) -> None:
    with sessions() as session, unit_of_work(session) as work:
        work.session.get_one(BulkAction, merge["action"]).kind = "translate"
    said = editor.answer("POST", f"/bulk-actions/{merge['action']}/cancel")
    assert (said["kind"], said["can_undo"]) == ("translate", False)


def test_a_viewer_and_another_instance_see_none(
    program: Callable[..., Program], acme: VirtualInstance, merge: dict[str, int], editor: Program
) -> None:
    address = f"/bulk-actions/{merge['action']}"
    viewer = program(acme, Role.VIEWER)
    for method, path in (("GET", address), ("POST", f"{address}/cancel"), ("POST", f"{address}/undo")):
        assert viewer.refusal(method, path) == (403, "forbidden")
        missing = path.replace(str(merge["action"]), "88001")
        assert editor.refusal(method, missing) == (404, "bulk_action_not_found")


def test_a_merge_asks_the_database_as_much_whatever_the_number_of_documents(
    editor: Program, sessions: sessionmaker[Session], merge: dict[str, int]
) -> None:
    """It is started, and not done, in the request."""
    with counted_statements(sessions.kw["bind"]) as statements:
        editor.answer(
            "POST", "/tags/merge", 202, json={"source_ids": [merge["source"]], "target_id": merge["target"]}
        )
    assert len(statements) < 25
