"""How providers and the process fare, on the pages of their entries, and what can be done about it there."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.entries import TENSORFLOW_PROCESS
from autotag.models import (
    AuditEvent,
    Document,
    ProcessState,
    ProviderState,
    ProviderStatus,
    ProviderUsage,
    Role,
    TaggingState,
    VirtualInstance,
)
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.provider_health.circuit_breaker import waiting_code
from autotag.tagging.provider_health.process_breaker import PROCESS_DISABLED
from tests.unit.blueprints.conftest import INSTANCE, SYSTEM, Browser, form_values, said, save
from tests.unit.conftest import Factory

GOOGLE = "google-cloud-vision"
MICROSOFT = "microsoft-cognitive-services"
PROCESS = f"{SYSTEM}/{TENSORFLOW_PROCESS.key}"
REGION = "https://westcentralus.api.cognitive.microsoft.com/vision"
Open = Callable[..., Browser]


@pytest.fixture
def add(sessions: sessionmaker[Session]) -> Callable[..., None]:
    def add(*rows: object) -> None:
        with sessions() as session, unit_of_work(session) as work:
            work.session.add_all(rows)

    return add


@pytest.fixture
def states(sessions: sessionmaker[Session]) -> Callable[[], list[tuple[int, str]]]:
    """The instances and providers that are in trouble."""

    def states() -> list[tuple[int, str]]:
        with sessions() as session:
            return [(row.instance_id, row.provider) for row in session.scalars(select(ProviderState))]

    return states


@pytest.fixture
def acts(sessions: sessionmaker[Session]) -> Callable[[], list[tuple[int | None, str, str]]]:
    def acts() -> list[tuple[int | None, str, str]]:
        with sessions() as session:
            return [
                (event.instance_id, event.action, event.subject)
                for event in session.scalars(select(AuditEvent))
                if event.action != "configuration saved"
            ]

    return acts


def paused(instance: VirtualInstance, provider: str = GOOGLE, **values: object) -> ProviderState:
    values.setdefault("status", ProviderStatus.PAUSED)
    values.setdefault("reason", "The key is <i>wrong</i>.")
    return ProviderState(instance_id=instance.id, provider=provider, since=utc_now(), **values)


def disabled_process() -> ProcessState:
    now = utc_now()
    return ProcessState(
        id=1, crashes=6, last_crash_at=now, last_reason="died of <b>fire</b>", disabled_at=now
    )


def enable_google(browser: Browser, **changed: object) -> None:
    values = {"api_key": "a key", "enabled": "true", **changed}
    assert save(browser, f"{INSTANCE}/{GOOGLE}", values) == 303


def test_a_process_that_works_says_so(system_administrator: Browser, add: Callable[..., None]) -> None:
    assert "Working 0 of 5 allowed crashes within 60 seconds." in said(system_administrator.page(PROCESS))
    add(ProcessState(id=1, crashes=2, last_crash_at=utc_now(), last_reason="died"))
    page = said(system_administrator.page(PROCESS))
    assert "Working after 2 crashes 2 of 5 allowed crashes" in page
    assert "Last reason: died" in page
    assert "Enable again" not in page


def test_a_disabled_process_is_enabled_again(
    system_administrator: Browser,
    default_instance: VirtualInstance,
    add: Callable[..., None],
    acts: Callable[[], list[tuple[int | None, str, str]]],
    make: Factory,
    sessions: sessionmaker[Session],
) -> None:
    add(disabled_process())
    later = utc_now() + timedelta(hours=1)
    document = make.document(default_instance, tagging_reason_code=PROCESS_DISABLED, tagging_not_before=later)
    page = system_administrator.page(PROCESS)
    assert "Permanently disabled since" in said(page)
    assert "Last reason: died of <b>fire</b>" in said(page)
    assert page.find("b") is None
    assert system_administrator.post(f"{PROCESS}/enable-again").status_code == 303
    assert "Working 0 of 5" in said(system_administrator.page(PROCESS))
    assert acts() == [(None, "process enabled", TENSORFLOW_PROCESS.title)]
    with sessions() as session:
        assert session.scalars(select(Document).filter_by(id=document.id)).one().tagging_not_before is None


def test_the_pages_of_tensorflow_say_that_the_process_is_disabled(
    system_administrator: Browser, administrator: Browser, add: Callable[..., None]
) -> None:
    sentence = "The TensorFlow process is permanently disabled"
    assert sentence not in said(administrator.page(f"{INSTANCE}/tensorflow"))
    add(disabled_process())
    for path in (SYSTEM, INSTANCE):
        page = system_administrator.page(f"{path}/tensorflow")
        assert sentence in said(page)
        assert page.find("a", string="Enable it again on the page of the process")["href"] == PROCESS
    page = administrator.page(f"{INSTANCE}/tensorflow")
    assert sentence in said(page)
    assert page.find("a", href=PROCESS) is None
    assert sentence not in said(administrator.page(f"{INSTANCE}/{GOOGLE}"))


def test_a_paused_provider_says_why_and_is_resumed(
    administrator: Browser,
    acme: VirtualInstance,
    default_instance: VirtualInstance,
    add: Callable[..., None],
    acts: Callable[[], list[tuple[int | None, str, str]]],
    states: Callable[[], list[tuple[int, str]]],
    make: Factory,
    sessions: sessionmaker[Session],
) -> None:
    enable_google(administrator)
    assert "State in this instance Working Calls today 0" in said(administrator.page(f"{INSTANCE}/{GOOGLE}"))
    add(paused(acme), paused(default_instance))
    waiting = {"tagging_reason_code": waiting_code(GOOGLE), "tagging_not_before": utc_now() + timedelta(1)}
    mine, other = make.document(acme, **waiting), make.document(default_instance, **waiting)
    page = administrator.page(f"{INSTANCE}/{GOOGLE}")
    assert "Paused since" in said(page)
    assert "The key is <i>wrong</i>." in said(page)
    assert page.find("i") is None
    assert administrator.post(f"{INSTANCE}/{GOOGLE}/resume").status_code == 303
    assert states() == [(default_instance.id, GOOGLE)]
    assert acts() == [(acme.id, "provider resumed", "Google Cloud Vision Image Auto Tagging")]
    with sessions() as session:
        rows = {row.id: row.tagging_not_before for row in session.scalars(select(Document))}
    assert rows[mine.id] is None
    assert rows[other.id] is not None


def test_an_unavailable_provider_says_when_it_is_tried_again(
    administrator: Browser, acme: VirtualInstance, add: Callable[..., None]
) -> None:
    enable_google(administrator, maximum_number_of_calls="1500")
    today = utc_now().date()
    add(
        paused(acme, status=ProviderStatus.UNAVAILABLE, reason="In trouble.", retry_at=utc_now()),
        ProviderUsage(instance_id=acme.id, provider=GOOGLE, day=today, calls=1234),
    )
    page = said(administrator.page(f"{INSTANCE}/{GOOGLE}"))
    assert "Unavailable since" in page
    assert "Next try at" in page
    assert "Calls today 1,234 Calls this month 1,234 Monthly limit 1,500" in page


def test_what_is_not_enabled_is_no_trouble(
    administrator: Browser, acme: VirtualInstance, add: Callable[..., None]
) -> None:
    add(paused(acme))
    page = said(administrator.page(f"{INSTANCE}/{GOOGLE}"))
    assert "Not enabled" in page
    assert "Resume" not in page


def test_system_settings_list_the_instances_in_trouble(
    system_administrator: Browser,
    acme: VirtualInstance,
    default_instance: VirtualInstance,
    add: Callable[..., None],
) -> None:
    assert "in trouble" not in said(system_administrator.page(f"{SYSTEM}/{GOOGLE}"))
    add(paused(acme), paused(default_instance, MICROSOFT))
    page = said(system_administrator.page(f"{SYSTEM}/{GOOGLE}"))
    assert "1 instance in trouble acme paused since" in page
    assert "acme" not in said(system_administrator.page(f"{INSTANCE}/{GOOGLE}"))


def test_who_may_act(
    browser: Open, administrator: Browser, acme: VirtualInstance, default_instance: VirtualInstance
) -> None:
    editor = browser(acme, Role.EDITOR)
    for act in ("resume", "test-connection", "use-replacement"):
        assert editor.post(f"{INSTANCE}/{GOOGLE}/{act}").status_code == 403
    for path in ("tensorflow-process/enable-again", f"{GOOGLE}/test-connection", f"{GOOGLE}/use-replacement"):
        assert administrator.post(f"{SYSTEM}/{path}").status_code == 403
    assert administrator.post(f"{INSTANCE}/asset-auto-tagging/resume").status_code == 404
    assert administrator.post(f"{INSTANCE}/tensorflow-process/resume").status_code == 404


@pytest.mark.parametrize("inherited", [False, True])
def test_a_retired_endpoint_is_replaced_in_one_click(
    system_administrator: Browser,
    default_instance: VirtualInstance,
    records: Callable[[], list[tuple[str, int, dict[str, object]]]],
    inherited: bool,
) -> None:
    area = SYSTEM if inherited else INSTANCE
    values = {"api_key": "a key", "api_endpoint": f"{REGION}/v2.0", "enabled": "true"}
    assert save(system_administrator, f"{area}/{MICROSOFT}", values) == 303
    page = system_administrator.page(f"{INSTANCE}/{MICROSOFT}")
    assert "Microsoft retired version v2.0 of this endpoint on 2026-09-13." in said(page)
    assert page.find("button", string=f"Use {REGION}/v3.2")
    version = {"expected_version": form_values(page)["expected_version"]}
    answer = system_administrator.post(f"{INSTANCE}/{MICROSOFT}/use-replacement", version)
    assert answer.status_code == 303
    saved = records()[-1][2]
    assert saved["api_endpoint"] == f"{REGION}/v3.2"
    assert saved["api_key"]
    assert saved["enabled"] is True
    assert "Microsoft retired" not in said(system_administrator.page(f"{INSTANCE}/{MICROSOFT}"))
    again = system_administrator.post(f"{INSTANCE}/{MICROSOFT}/use-replacement", version)
    assert again.status_code == 303
    assert records()[-1][2] == saved


def test_a_replacement_does_not_overwrite_what_somebody_saved_meanwhile(
    administrator: Browser, records: Callable[[], list[tuple[str, int, dict[str, object]]]]
) -> None:
    path = f"{INSTANCE}/{MICROSOFT}"
    values = {"api_key": "a key", "api_endpoint": f"{REGION}/v2.0", "enabled": "true"}
    save(administrator, path, values)
    before = records()
    assert administrator.post(f"{path}/use-replacement", {"expected_version": "99"}).status_code == 409
    assert administrator.post(f"{path}/use-replacement").status_code == 409
    assert records() == before


def test_the_states_of_documents_are_untouched_by_looking(
    administrator: Browser, acme: VirtualInstance, make: Factory, sessions: sessionmaker[Session]
) -> None:
    document = make.document(acme)
    administrator.page(f"{INSTANCE}/tensorflow")
    with sessions() as session:
        found = session.scalars(select(Document).filter_by(id=document.id)).one()
        assert found.tagging_state is TaggingState.QUEUED
