"""Configuration entries by the API."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.secret_box import SecretBox
from autotag.instances.audit import MASK
from autotag.models import AuditEvent, ConfigurationRecord, Role, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from tests.unit.blueprints.api.conftest import Program

GOOGLE = "/configuration/instance/google-cloud-vision"
TAGGING = "/configuration/instance/asset-auto-tagging"
SYSTEM = "/configuration/system/asset-auto-tagging-system"


@pytest.fixture
def administrator(administrator_program: Program) -> Program:
    return administrator_program


@pytest.fixture
def system(program: Callable[..., Program], default_instance: VirtualInstance) -> Program:
    return program(default_instance, Role.SYSTEM_ADMINISTRATOR)


def put(caller: Program, path: str, status: int = 200, **values: object) -> dict[str, object]:
    said: dict[str, object] = caller.answer("PUT", path, status, json={"values": values})
    return said


def test_an_entry_is_read_saved_and_reset(administrator: Program) -> None:
    before = administrator.answer("GET", TAGGING)
    assert before == {
        "entry": "asset-auto-tagging",
        "scope": "instance",
        "source": "default",
        "version": 0,
        "values": {"enabled": True, "maximum_number_of_tags": 0, "update_auto_tags": False},
    }
    saved = put(administrator, TAGGING, maximum_number_of_tags=5)
    assert saved["values"] == before["values"] | {"maximum_number_of_tags": 5}
    assert saved["source"] == "own"
    assert administrator.answer("GET", TAGGING) == saved
    assert administrator.answer("DELETE", TAGGING) == before


def test_what_was_read_can_be_sent_back(administrator: Program) -> None:
    saved = put(administrator, GOOGLE, api_key="secret", enabled=True, confidence_threshold=0.25)
    again = {"values": saved["values"], "version": saved["version"]}
    assert administrator.answer("PUT", GOOGLE, json=again) == saved


def test_a_secret_is_never_answered_and_its_placeholder_means_the_same(
    administrator: Program, sessions: sessionmaker[Session]
) -> None:
    saved = put(administrator, GOOGLE, api_key="secret-4711", enabled=True)
    assert saved["values"]["api_key"] == MASK  # type: ignore[index]
    put(administrator, GOOGLE, api_key=MASK, confidence_threshold=0.75)
    assert stored_key(sessions) == "secret-4711"
    put(administrator, GOOGLE, confidence_threshold=0.5)
    assert stored_key(sessions) == "secret-4711"
    put(administrator, GOOGLE, api_key="other")
    assert stored_key(sessions) == "other"
    removed = put(administrator, GOOGLE, api_key="", enabled=False)
    assert removed["values"]["api_key"] == ""  # type: ignore[index]
    with sessions() as session:
        changes = [event.changes for event in session.scalars(select(AuditEvent))]
    assert "secret-4711" not in str(changes)


def stored_key(sessions: sessionmaker[Session]) -> str:
    with sessions() as session:
        record = session.scalars(select(ConfigurationRecord)).one()
        box = SecretBox(("only for tests",))
        place = f"google-cloud-vision/api_key/instance/{record.instance_id}"
        return box.open(record.values["api_key"], place)


def test_a_change_over_somebody_elses_is_told(administrator: Program) -> None:
    first = put(administrator, TAGGING, maximum_number_of_tags=5)
    put(administrator, TAGGING, maximum_number_of_tags=6)
    stale = {"values": {"maximum_number_of_tags": 7}, "version": first["version"]}
    assert administrator.refusal("PUT", TAGGING, json=stale) == (409, "changed_meanwhile")


@pytest.mark.parametrize(
    "values",
    [
        {"maximum_number_of_tags": "5"},
        {"maximum_number_of_tags": -1},
        {"maximum_number_of_tags": 1001},
        {"maximum_number_of_tags": 1.5},
        {"enabled": "true"},
        {"enabled": 1},
        {"enabled": None},
        {"colour": "red"},
    ],
)
def test_a_value_of_another_kind_is_refused(administrator: Program, values: dict[str, object]) -> None:
    assert administrator.refusal("PUT", TAGGING, json={"values": values}) == (422, "invalid_request")
    assert administrator.answer("GET", TAGGING)["source"] == "default"


def test_the_service_says_what_is_an_address_and_what_is_a_model(administrator: Program) -> None:
    microsoft = "/configuration/instance/microsoft-cognitive-services"
    for path, values in (
        (microsoft, {"api_endpoint": "not an address"}),
        ("/configuration/instance/tensorflow", {"model": "no such model"}),
        (GOOGLE, {"api_key": "two\nlines"}),
    ):
        answer = administrator.call("PUT", path, json={"values": values})
        assert answer.json is not None
        assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")
        assert list(answer.json["errors"]["json"]["values"]) == list(values)


def test_values_that_do_not_go_together_are_a_conflict(administrator: Program, system: Program) -> None:
    enable = {"values": {"enabled": True}}
    assert administrator.refusal("PUT", GOOGLE, json=enable) == (409, "configuration_refused")
    put(system, SYSTEM, maximum_number_of_tags=3)
    answer = administrator.call("PUT", TAGGING, json={"values": {"maximum_number_of_tags": 4}})
    assert answer.json is not None
    assert (answer.status_code, answer.json["code"]) == (409, "configuration_refused")
    assert "allow 3 tags" in answer.json["errors"]["json"]["values"]["maximum_number_of_tags"]


def test_a_secret_that_cannot_be_read_any_more_is_told(
    administrator: Program, sessions: sessionmaker[Session]
) -> None:
    put(administrator, GOOGLE, api_key="secret")
    with sessions() as session, unit_of_work(session) as work:
        record = work.session.scalars(select(ConfigurationRecord)).one()
        record.values = record.values | {"api_key": "v1:nonsense"}
    change = {"values": {"confidence_threshold": 0.75}}
    assert administrator.refusal("PUT", GOOGLE, json=change) == (409, "secret_unreadable")


def test_levels_are_for_the_roles_of_the_pages(
    program: Callable[..., Program], administrator: Program, system: Program, acme: VirtualInstance
) -> None:
    forbidden = (403, "forbidden")
    assert program(acme, Role.EDITOR).refusal("GET", TAGGING) == forbidden
    default = "/configuration/default/asset-auto-tagging"
    for path in (SYSTEM, default):
        for method in ("GET", "PUT", "DELETE"):
            assert administrator.refusal(method, path, json={"values": {}}) == forbidden
    put(system, default, maximum_number_of_tags=9)
    inherited = administrator.answer("GET", TAGGING)
    assert (inherited["source"], inherited["values"]["maximum_number_of_tags"]) == ("inherited", 9)


def test_an_entry_that_is_not_there_is_not_found(administrator: Program, system: Program) -> None:
    for path in ("/configuration/instance/colour", "/configuration/instance/tensorflow-process"):
        assert administrator.refusal("GET", path) == (404, "not_found")
    assert system.refusal("GET", "/configuration/system/tensorflow") == (404, "not_found")


def test_what_an_instance_saves_is_its_own(
    program: Callable[..., Program], administrator: Program, system: Program
) -> None:
    put(administrator, TAGGING, maximum_number_of_tags=5)
    assert system.answer("GET", TAGGING)["source"] == "default"
