"""The audit trail as a page."""

import pytest
from sqlalchemy.orm import Session, sessionmaker

from autotag.blueprints.control_panel.audit import EVENTS_ON_A_PAGE, change_text
from autotag.instances.audit import audit
from autotag.models import VirtualInstance
from tests.unit.blueprints.conftest import Browser, said

AUDIT = "/control-panel/audit"


def write(sessions: sessionmaker[Session], instance: VirtualInstance | None, *subjects: str) -> None:
    with sessions() as session:
        for subject in subjects:
            audit(
                session, instance and instance.id, "eva@x", "user created", subject, [["Role", "viewer", ""]]
            )
        session.commit()


def test_it_says_who_changed_what_from_what_to_what(
    administrator: Browser, acme: VirtualInstance, sessions: sessionmaker[Session]
) -> None:
    assert "No changes yet" in said(administrator.page(AUDIT))
    write(sessions, acme, "bo@x")
    page = said(administrator.page(AUDIT))
    assert "eva@x User created: bo@x Role: viewer → became empty" in page


def test_each_sees_their_own_events_and_system_administrators_those_of_the_installation(
    administrator: Browser,
    system_administrator: Browser,
    acme: VirtualInstance,
    default_instance: VirtualInstance,
    sessions: sessionmaker[Session],
) -> None:
    write(sessions, acme, "of-acme")
    write(sessions, default_instance, "of-default")
    write(sessions, None, "of-all")
    theirs, own = said(administrator.page(AUDIT)), said(system_administrator.page(AUDIT))
    assert [name for name in ("of-acme", "of-default", "of-all") if name in theirs] == ["of-acme"]
    assert [name for name in ("of-acme", "of-default", "of-all") if name in own] == ["of-default", "of-all"]


def test_it_is_read_a_page_at_a_time(
    administrator: Browser, acme: VirtualInstance, sessions: sessionmaker[Session]
) -> None:
    write(sessions, acme, *(f"person-{number:03}" for number in range(EVENTS_ON_A_PAGE + 1)))
    first = administrator.page(AUDIT)
    assert f"person-{EVENTS_ON_A_PAGE:03}" in said(first)
    assert "person-000" not in said(first)
    second = administrator.page(first.find("a", string="Older")["href"])
    assert "person-000" in said(second)
    assert not second.find("a", string="Older")
    assert second.find("a", string="Back to the newest")


@pytest.mark.parametrize("text", ["", "x", "-1", "9" * 30, "9" * 5000, "\u0663"])
def test_what_is_no_position_means_the_newest(administrator: Browser, text: str) -> None:
    assert administrator.get(f"{AUDIT}?before={text}").status_code == 200


def test_switches_are_said_in_words() -> None:
    assert [change_text(value) for value in ("true", "false", "", 0, "x")] == ["on", "off", "empty", "0", "x"]
