"""The wall, from the table of the API's routes: another instance's ids are not there, whatever one may do."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.routing import Rule

from autotag.media.folders.folders import create_folder
from autotag.models import (
    BulkAction,
    BulkActionState,
    Document,
    Role,
    RunScope,
    RunState,
    Tag,
    TaggingRun,
    VirtualInstance,
)
from autotag.models.unit_of_work import unit_of_work
from tests.unit.blueprints.api.conftest import PREFIX, Program
from tests.unit.conftest import Factory

MISSING = 88_001


@pytest.fixture
def rules(app: Flask) -> list[Rule]:
    """Every call with a number that names a row."""
    return [
        rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.") and any(name.endswith("_id") for name in rule.arguments)
    ]


@pytest.fixture
def theirs(make: Factory, sessions: sessionmaker[Session]) -> dict[str, int]:
    globex = make.instance("globex", id=88_010)
    make.document(globex, id=88_030, title="Secret", width=1, height=1)
    with sessions() as session, unit_of_work(session) as work:
        work.session.add(Tag(id=88_040, instance_id=globex.id, name="secret", normalized_name="secret"))
        run = TaggingRun(id=88_060, instance_id=globex.id, scope=RunScope.ALL, state=RunState.RUNNING)
        work.session.add(run)
        action = BulkAction(
            id=88_070, instance_id=globex.id, kind="delete", selection={"ids": []}, parameters={}, total=1
        )
        work.session.add(action)
        folder_id = create_folder(work, globex.id, "Secret").id
    return {"document": 88_030, "tag": 88_040, "run": 88_060, "action": 88_070, "folder": folder_id}


BODIES = {
    "api.add_document_tags": {"tags": ["sea"]},
    "api.change_document": {"title": "Mine"},
    "api.rename_one_tag": {"name": "mine"},
}


def ask(program: Program, rule: Rule, method: str, number: int) -> tuple[int, object]:
    path = re.sub(r"<int[^>]+>", str(number), rule.rule).replace("<string:name>", "secret")
    body = BODIES.get(rule.endpoint)
    answer = program.call(method, path.removeprefix(PREFIX), **({"json": body} if body else {}))
    return answer.status_code, answer.json


def test_no_number_of_another_instance_is_there(
    rules: list[Rule],
    program: Callable[..., Program],
    default_instance: VirtualInstance,
    acme: VirtualInstance,
    theirs: dict[str, int],
    sessions: sessionmaker[Session],
) -> None:
    assert len(rules) >= 10
    callers = [program(acme, Role.ADMINISTRATOR), program(default_instance, Role.SYSTEM_ADMINISTRATOR)]
    for caller in callers:
        for rule in rules:
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                nothing = ask(caller, rule, method, MISSING)
                assert nothing[0] == 404, (rule, method)
                for number in theirs.values():
                    assert ask(caller, rule, method, number) == nothing, (rule, method)
    with sessions() as session:
        document = session.get_one(Document, theirs["document"])
        assert (document.title, document.deleted_at) == ("Secret", None)
        assert session.get_one(TaggingRun, theirs["run"]).state is RunState.RUNNING
        assert session.get_one(BulkAction, theirs["action"]).state is BulkActionState.RUNNING


def test_no_field_leads_into_a_folder_of_another_instance(editor: Program, theirs: dict[str, int]) -> None:
    gone = (404, "folder_not_found")
    folder = theirs["folder"]
    data = {"file": (io.BytesIO(b"x"), "a.txt"), "folder_id": str(folder)}
    assert editor.refusal("POST", "/documents", data=data) == gone
    assert editor.refusal("GET", f"/documents?folder_id={folder}") == gone
    own = editor.upload_id()
    assert editor.refusal("PATCH", f"/documents/{own}", json={"folder_id": folder}) == gone


def test_every_call_states_a_role_and_refuses_strangers(app: Flask, editor: Program) -> None:
    seen = 0
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("api."):
            continue
        path = re.sub(r"<int[^>]+>", "1", rule.rule).replace("<string:name>", "x").removeprefix(PREFIX)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            refused = editor.refusal(method, path, headers={"Authorization": None})
            assert refused == (401, "token_missing"), rule
            seen += 1
    assert seen >= 14
