"""Whose operations are seen: one's own, and a system administrator's those of all instances, or of any."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.entries import TENSORFLOW
from autotag.models import (
    AuditEvent,
    BulkAction,
    ConfigurationRecord,
    Document,
    Level,
    ProviderState,
    ProviderStatus,
    ProviderUsage,
    RunScope,
    TaggingAttempt,
    TaggingRun,
    TaggingState,
    VirtualInstance,
)
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from tests.unit.blueprints.conftest import Browser
from tests.unit.conftest import Factory

PAGE = "/control-panel/operations"
GOOGLE = "google-cloud-vision"


@pytest.fixture
def globex(make: Factory, sessions: sessionmaker[Session]) -> VirtualInstance:
    """Another instance, with something of every kind that the page shows."""
    globex = make.instance("globex")
    states = (TaggingState.QUEUED, TaggingState.RUNNING, TaggingState.FAILED, TaggingState.QUARANTINED)
    documents = [
        make.document(
            globex,
            file_name=f"secret-{state}.jpg",
            title=f"secret {state}",
            size=123_456,
            tagging_state=state,
            tagging_reason_code="secret_code",
            tagging_reason="secret reason",
            tagging_claim="host.secretworker/ab",
        )
        for state in states
    ]
    with sessions() as session, unit_of_work(session) as work:
        key = {"instance_id": globex.id}
        work.session.add_all(
            [
                ProviderState(**key, provider=GOOGLE, status=ProviderStatus.PAUSED, reason="secret key"),
                ProviderUsage(**key, provider=GOOGLE, day=utc_now().date(), calls=31_337),
                TaggingRun(**key, scope=RunScope.ALL, covers="secret run"),
                BulkAction(**key, kind="secret_kind", selection={}, parameters={}),
                TaggingAttempt(
                    **key,
                    document_id=documents[0].id,
                    number=1,
                    state=TaggingState.TAGGED,
                    seconds=777.0,
                    finished_at=utc_now() - timedelta(minutes=1),
                ),
                ConfigurationRecord(
                    **key,
                    entry=TENSORFLOW.key,
                    level=Level.INSTANCE,
                    values={"enabled": True},
                    version=1,
                    updated_at=utc_now(),
                    updated_by="the tests",
                ),
            ]
        )
    return globex


def test_an_administrator_sees_nothing_of_another_instance(
    administrator: Browser, globex: VirtualInstance
) -> None:
    for path in (PAGE, f"{PAGE}?instance=acme", f"{PAGE}/state"):
        text = administrator.get(path).text
        assert "Queued" in text
        for theirs in ("secret", "globex", "31,337", "123 kB", "777"):
            assert theirs not in text, (path, theirs)


@pytest.mark.parametrize("asked", ["globex", "default", "nowhere"])
def test_another_instance_is_not_found_for_an_administrator_whether_it_is_there_or_not(
    administrator: Browser, globex: VirtualInstance, asked: str, sessions: sessionmaker[Session]
) -> None:
    with sessions() as session:
        ids = session.scalars(select(Document.id)).all()
    for path in (PAGE, f"{PAGE}/state"):
        assert administrator.get(f"{path}?instance={asked}").status_code == 404
    acts = [
        f"retry?state=failed&reason=secret_code&instance={asked}",
        f"providers/{GOOGLE}/resume?instance={asked}",
    ]
    acts += [f"documents/{key}/retry?instance={asked}" for key in ids]
    acts += [f"documents/{key}/retry" for key in ids]
    for act in acts:
        assert administrator.post(f"{PAGE}/{act}").status_code == 404, act
    with sessions() as session:
        assert len(session.scalars(select(ProviderState)).all()) == 1
        assert len(session.scalars(select(TaggingRun)).all()) == 1


def test_a_system_administrator_sees_all_instances_by_name(
    system_administrator: Browser, acme: VirtualInstance, globex: VirtualInstance
) -> None:
    page = system_administrator.page(PAGE)
    table = page.find("table", class_="data-table")
    rows = {row.find("a").text: row for row in table.find_all("tr") if row.find("a")}
    assert list(rows) == ["default", "acme", "globex"]
    assert [cell.text for cell in rows["globex"].find_all("td")][1:6] == ["1", "1", "1", "1", "4"]
    assert rows["globex"].find("a")["href"] == f"{PAGE}?instance=globex"
    text = page.get_text(" ")
    for shown in ("secret-failed.jpg", "secret run", "31,337", "globex"):
        assert shown in text
    links = {link["href"] for link in page.find_all("a", href=True)}
    assert any(link.startswith("http://globex.localhost/documents/") for link in links)
    assert "/documents?state=failed" not in links


def test_a_system_administrator_looks_at_one_instance_and_comes_back_to_it(
    system_administrator: Browser,
    acme: VirtualInstance,
    globex: VirtualInstance,
    sessions: sessionmaker[Session],
) -> None:
    page = system_administrator.page(f"{PAGE}?instance=globex")
    assert page.find("option", selected=True).text == "globex"
    assert page.find("table", class_="data-table") is None
    # The one button to retry a file that failed.
    (address,) = {
        button["formaction"]
        for button in page.find_all("button", formaction=True)
        if "secret-failed.jpg" in button.text
    }
    answer = system_administrator.post(address)
    assert (answer.status_code, answer.location) == (303, f"{PAGE}?instance=globex")
    with sessions() as session:
        run = session.scalars(select(TaggingRun).order_by(TaggingRun.id.desc())).first()
        assert run is not None
        assert (run.instance_id, run.created_by_id, run.total) == (globex.id, None, 1)
        (event,) = session.scalars(select(AuditEvent))
        assert (event.instance_id, event.actor) == (globex.id, system_administrator.user.email)


def test_a_system_administrator_resumes_a_provider_of_another_instance(
    system_administrator: Browser, globex: VirtualInstance, sessions: sessionmaker[Session]
) -> None:
    answer = system_administrator.post(f"{PAGE}/providers/{GOOGLE}/resume?instance=globex")
    assert (answer.status_code, answer.location) == (303, PAGE)
    with sessions() as session:
        assert session.scalars(select(ProviderState)).all() == []


def test_an_instance_that_there_is_not_is_not_found(
    system_administrator: Browser, globex: VirtualInstance
) -> None:
    assert system_administrator.get(f"{PAGE}?instance=nowhere").status_code == 404
    assert system_administrator.post(f"{PAGE}/retry?state=failed&instance=nowhere").status_code == 404


def test_with_one_instance_there_is_nothing_to_choose(system_administrator: Browser) -> None:
    page = system_administrator.page(PAGE)
    assert page.find("select") is None
    assert page.find("a", href="/documents?state=failed")


def test_the_wall_stands_again_after_a_look_over_it(
    system_administrator: Browser, globex: VirtualInstance
) -> None:
    system_administrator.get(PAGE)
    assert "secret" not in system_administrator.get("/documents").text
