"""Runs by the API."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.folders.folders import create_folder
from autotag.models import Role, TaggingState, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from tests.unit.blueprints.api.conftest import Program
from tests.unit.blueprints.api.test_document_actions import enable_tensorflow
from tests.unit.conftest import Factory


@pytest.fixture
def ready(editor: Program, sessions: sessionmaker[Session], acme: VirtualInstance) -> Program:
    enable_tensorflow(sessions, acme)
    return editor


def start(editor: Program, **body: object) -> dict[str, object]:
    said: dict[str, object] = editor.answer("POST", "/runs", 201, json=body)
    return said


def test_a_run_over_everything_is_shown_and_cancelled(
    ready: Program, make: Factory, acme: VirtualInstance
) -> None:
    for _ in range(2):
        make.document(acme, tagging_state=TaggingState.SKIPPED)
    answer = ready.post("/runs", json={"scope": "all"})
    said = answer.json
    assert said is not None
    assert (answer.status_code, said["state"], said["covers"]) == (201, "running", "All images")
    assert said["counts"] == {"total": 2, "done": 0, "failed": 0, "left_out": 0, "left": 2}
    assert (said["seconds_left"], said["finished_at"]) == (None, None)
    path = answer.headers["Location"].removeprefix("/api/v1")
    assert ready.answer("GET", path)["id"] == said["id"]
    assert ready.answer("POST", f"{path}/cancel")["state"] == "cancelled"
    assert ready.answer("POST", f"{path}/cancel")["state"] == "cancelled"


def test_a_run_that_has_finished_cannot_be_cancelled(
    ready: Program, make: Factory, acme: VirtualInstance, sessions: sessionmaker[Session]
) -> None:
    from autotag.models import RunScope, RunState, TaggingRun

    with sessions() as session, unit_of_work(session) as work:
        run = TaggingRun(instance_id=acme.id, scope=RunScope.ALL, state=RunState.FINISHED)
        work.session.add(run)
    assert ready.refusal("POST", f"/runs/{run.id}/cancel") == (409, "run_state")
    assert ready.refusal("GET", "/runs/4711") == (404, "run_not_found")


def test_a_run_over_a_folder_or_chosen_documents(
    ready: Program, make: Factory, acme: VirtualInstance, sessions: sessionmaker[Session]
) -> None:
    with sessions() as session, unit_of_work(session) as work:
        folder_id = create_folder(work, acme.id, "Holidays").id
    inside = make.document(acme, folder_id=folder_id, tagging_state=TaggingState.SKIPPED)
    make.document(acme, tagging_state=TaggingState.SKIPPED)
    assert start(ready, scope="folder", folder_id=folder_id)["covers"] == "Holidays"
    said = start(ready, scope="selection", document_ids=[inside.id, 4711])
    assert said["counts"]["total"] == 1  # type: ignore[index]
    assert start(ready, scope="untagged")["covers"] == "All images without tags"
    assert ready.refusal("POST", "/runs", json={"scope": "folder", "folder_id": 4711}) == (
        404,
        "folder_not_found",
    )


def test_a_run_needs_images_and_a_provider(
    editor: Program, sessions: sessionmaker[Session], acme: VirtualInstance
) -> None:
    assert editor.refusal("POST", "/runs", json={"scope": "all"}) == (409, "switched_off")
    enable_tensorflow(sessions, acme)
    assert editor.refusal("POST", "/runs", json={"scope": "all"}) == (409, "nothing_to_tag")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"scope": "some"},
        {"scope": "folder"},
        {"scope": "selection"},
        {"scope": "all", "folder_id": 1},
        {"scope": "folder", "folder_id": 1, "document_ids": [1]},
        {"scope": "selection", "document_ids": []},
        {"scope": "selection", "document_ids": [True]},
    ],
)
def test_a_scope_says_what_goes_with_it(ready: Program, body: dict[str, object]) -> None:
    assert ready.refusal("POST", "/runs", json=body) == (422, "invalid_request")


def test_runs_are_for_editors(ready: Program, program: Callable[..., Program], acme: VirtualInstance) -> None:
    viewer = program(acme, Role.VIEWER)
    assert viewer.refusal("POST", "/runs", json={"scope": "all"}) == (403, "forbidden")
    assert viewer.refusal("GET", "/runs/1") == (403, "forbidden")
