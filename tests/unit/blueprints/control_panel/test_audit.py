"""The audit trail as a page."""

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


def test_sign_ins_are_shown_when_asked_for_so_that_they_bury_no_change(
    administrator: Browser, acme: VirtualInstance, sessions: sessionmaker[Session]
) -> None:
    write(sessions, acme, "of-a-change")
    with sessions.begin() as session:
        audit(session, acme.id, "unknown", "sign-in failed", "of-a-guess", [["Address", "", "203.0.113.7"]])
    shown = {
        kind: [
            name for name in ("of-a-change", "of-a-guess") if name in said(administrator.page(AUDIT + kind))
        ]
        for kind in ("", "?kind=changes", "?kind=sign-ins", "?kind=all", "?kind=x")
    }
    assert shown == {
        "": ["of-a-change"],
        "?kind=changes": ["of-a-change"],
        "?kind=sign-ins": ["of-a-guess"],
        "?kind=all": ["of-a-change", "of-a-guess"],
        "?kind=x": ["of-a-change"],
    }
    page = administrator.page(AUDIT + "?kind=sign-ins")
    assert "Sign-in failed: of-a-guess Address: 203.0.113.7" in said(page)
    assert [link.text for link in page.select("nav a[aria-current=true]")] == ["Sign-ins"]


def test_the_filter_stays_when_the_trail_is_read_on(
    administrator: Browser, acme: VirtualInstance, sessions: sessionmaker[Session]
) -> None:
    assert "No sign-ins yet" in said(administrator.page(AUDIT + "?kind=sign-ins"))
    with sessions.begin() as session:
        for number in range(EVENTS_ON_A_PAGE + 1):
            audit(session, acme.id, "eva", "signed in", f"sign-in-{number:03}")
    write(sessions, acme, "of-a-change")
    older = administrator.page(administrator.page(AUDIT + "?kind=sign-ins").find("a", string="Older")["href"])
    assert "sign-in-000" in said(older)
    newest = administrator.page(older.find("a", string="Back to the newest")["href"])
    assert f"sign-in-{EVENTS_ON_A_PAGE:03}" in said(newest)
    assert "of-a-change" not in said(newest)


def test_switches_are_said_in_words() -> None:
    assert [change_text(value) for value in ("true", "false", "", 0, "x")] == ["on", "off", "empty", "0", "x"]
