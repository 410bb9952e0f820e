"""The operations page: what it shows in each state, to whom, and what can be done there."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.config import Config
from autotag.configuration.entries import GOOGLE_CLOUD_VISION, TENSORFLOW
from autotag.guards import FailingStep
from autotag.models import (
    AuditEvent,
    BulkAction,
    ConfigurationRecord,
    Document,
    Level,
    ProcessState,
    ProviderState,
    ProviderStatus,
    ProviderUsage,
    Role,
    RunScope,
    TaggingAttempt,
    TaggingRun,
    TaggingState,
    VirtualInstance,
)
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.provider_health.circuit_breaker import waiting_code
from autotag.tagging.provider_health.process_breaker import PROCESS_DISABLED
from autotag.tagging.queueing.heartbeats import Heartbeat, Part, living
from tests.conftest import wait_for
from tests.unit.blueprints.conftest import Browser, parsed, said
from tests.unit.conftest import Factory

PAGE = "/control-panel/operations"
GOOGLE = "google-cloud-vision"
FAILED, QUARANTINED, RUNNING = TaggingState.FAILED, TaggingState.QUARANTINED, TaggingState.RUNNING
Add = Callable[..., None]


@pytest.fixture
def config(config: Config, broker_socket: Path, broker: Redis) -> Config:
    """The broker is there, unless a test asks for one that is away."""
    return replace(config, redis_url=f"unix://{broker_socket}")


@pytest.fixture
def alive(broker: Redis) -> Iterator[None]:
    """A worker and a scheduler that are alive."""
    beats = [Heartbeat(broker, Part.WORKER, "host.worker-1.ab"), Heartbeat(broker, Part.SCHEDULER, "host.cd")]
    for beat in beats:
        beat.start()
    wait_for(lambda: len(living(broker)) == 2, "both signs")
    yield
    for beat in beats:
        beat.stop()


@pytest.fixture
def add(sessions: sessionmaker[Session]) -> Add:
    def add(*rows: object) -> None:
        with sessions() as session, unit_of_work(session) as work:
            work.session.add_all(rows)

    return add


def enabled(instance: VirtualInstance, entry: str = TENSORFLOW.key, **values: object) -> ConfigurationRecord:
    return ConfigurationRecord(
        entry=entry,
        level=Level.INSTANCE,
        instance_id=instance.id,
        values={"enabled": True, **values},
        version=1,
        updated_at=utc_now(),
        updated_by="the tests",
    )


def disabled_process() -> ProcessState:
    now = utc_now()
    return ProcessState(
        id=1, crashes=6, last_crash_at=now, last_reason="died of <b>fire</b>", disabled_at=now
    )


def part(page: BeautifulSoup, name: str) -> str:
    found = page.find(attrs={"data-part": name})
    assert found is not None
    # A no-break space between two words is as good as any other.
    return " ".join(found.get_text(" ").replace("\u00a0", " ").split())


def actions(page: BeautifulSoup) -> dict[str, str]:
    """The buttons of the one form, by their words."""
    buttons = page.find_all("button", attrs={"form": "operations-form"})
    return {" ".join(button.get_text(" ").split()): button["formaction"] for button in buttons}


@pytest.mark.usefixtures("alive")
def test_an_instance_in_which_nothing_happened_yet(administrator: Browser) -> None:
    page = administrator.page(PAGE)
    assert "Queued 0 nothing waits" in part(page, "summary")
    assert "Nothing failed." in part(page, "trouble")
    assert "Nothing waits to be tagged." in part(page, "waiting")
    assert "No image was tagged in the last 24 hours." in part(page, "throughput")
    assert "No provider is enabled" in part(page, "providers")
    assert "1 worker alive Scheduler alive Broker answers, 0 jobs waiting" in part(page, "crew")
    assert part(page, "notices") == part(page, "unfinished") == part(page, "instances") == ""
    assert actions(page) == {}
    assert not page.find(attrs={"data-pending": True})


def test_failed_and_quarantined_files_stand_by_reason(
    administrator: Browser, acme: VirtualInstance, make: Factory
) -> None:
    for number in range(7):
        make.document(
            acme,
            file_name=f"broken-{number}.jpg",
            tagging_state=FAILED,
            tagging_reason_code="truncated_image",
            tagging_reason="The <i>file</i> ends too early.",
            tagging_updated_at=utc_now() - timedelta(hours=number),
        )
    for kind in ("text/plain", "text/html"):
        reason = f"Its content is not an image ({kind})."
        make.document(acme, tagging_state=FAILED, tagging_reason_code="not_an_image", tagging_reason=reason)
    killer = make.document(acme, tagging_state=QUARANTINED, tagging_reason_code="process_died")
    page = administrator.page(PAGE)
    told = part(page, "trouble")
    assert "The <i>file</i> ends too early. 7 files, the first on" in told
    assert page.find("i") is None
    assert "broken-6.jpg 6 h Retry" in told
    assert "broken-0.jpg" not in told
    assert "Show all 7 files" in told
    assert "Not an image, though named like one 2 files" in told
    assert "(text/plain)" in told
    assert "1 file quarantined" in told
    buttons = actions(page)
    assert f"{PAGE}/documents/{killer.id}/retry?instance=acme" in buttons.values()
    assert buttons["Retry all 7"] == f"{PAGE}/retry?state=failed&reason=truncated_image&instance=acme"
    assert len(buttons) == 7
    links = {link["href"] for link in page.find_all("a", href=True)}
    assert {"/documents?state=failed", "/documents?state=quarantined", f"/documents/{killer.id}"} <= links


def test_waiting_files_say_what_they_wait_for(
    administrator: Browser, acme: VirtualInstance, make: Factory, add: Add
) -> None:
    soon = utc_now() + timedelta(minutes=9)
    add(
        enabled(acme, GOOGLE_CLOUD_VISION.key),
        ProviderState(
            instance_id=acme.id,
            provider=GOOGLE,
            status=ProviderStatus.PAUSED,
            since=utc_now(),
            reason="Bad key.",
        ),
    )
    make.document(acme, file_name="new.jpg", tagging_updated_at=utc_now() - timedelta(hours=2))
    make.document(acme, tagging_reason_code=PROCESS_DISABLED, tagging_not_before=soon)
    make.document(acme, tagging_reason_code=waiting_code(GOOGLE), tagging_not_before=soon)
    make.document(
        acme,
        tagging_reason_code=waiting_code("microsoft-cognitive-services"),
        tagging_reason="It has been sent the 50 images that this month allows.",
        tagging_not_before=soon,
    )
    page = administrator.page(PAGE)
    told = part(page, "waiting")
    assert "Waiting for a worker 1 file" in told
    assert "new.jpg 2 h" in told
    assert "Waiting for the TensorFlow process, which is disabled" in told
    assert "Waiting for Google Cloud Vision, which is paused" in told
    assert "Bad key." in told
    assert "Waiting for Microsoft Cognitive Services 1 file" in told
    assert "the 50 images that this month allows" in told
    assert told.count("goes on at") == 1
    assert page.find(attrs={"data-pending": True})


def test_a_provider_that_is_unavailable_is_waited_for_until_it_is_asked_again(
    administrator: Browser, acme: VirtualInstance, make: Factory, add: Add
) -> None:
    add(
        enabled(acme, GOOGLE_CLOUD_VISION.key),
        ProviderState(
            instance_id=acme.id,
            provider=GOOGLE,
            status=ProviderStatus.UNAVAILABLE,
            since=utc_now(),
            reason="It answered 503.",
            retry_at=utc_now() + timedelta(minutes=4),
        ),
    )
    make.document(acme, tagging_reason_code=waiting_code(GOOGLE))
    page = administrator.page(PAGE)
    assert "goes on at" in part(page, "waiting")
    assert "It answered 503." in part(page, "waiting")
    assert "Unavailable since" in part(page, "providers")
    assert "Next try at" in part(page, "providers")


@pytest.mark.usefixtures("alive")
def test_workers_and_what_they_have_in_hand(
    system_administrator: Browser, default_instance: VirtualInstance, make: Factory
) -> None:
    for claim in ("host.worker-1/ab", "host.worker-1/ab", "host.worker-9/cd"):
        make.document(
            default_instance,
            tagging_state=RUNNING,
            tagging_claim=claim,
            tagging_updated_at=utc_now() - timedelta(minutes=3),
            tagging_lease_until=utc_now() + timedelta(minutes=2),
        )
    told = part(system_administrator.page(PAGE), "crew")
    assert "host.worker-1 alive, last sign" in told
    assert "2 files in hand for 3 min" in told
    assert "host.worker-9 no sign of life; its files are taken back by" in told


def test_nobody_at_work_is_said_at_the_top(administrator: Browser) -> None:
    page = administrator.page(PAGE)
    assert "No worker is alive, so nothing is tagged." in part(page, "notices")
    assert "The scheduler gives no sign of life." in part(page, "notices")
    assert "0 workers alive" in part(page, "crew")


def test_the_page_works_while_the_broker_is_away(
    config: Config,
    build_app: Callable[[Config], Flask],
    make: Factory,
    default_instance: VirtualInstance,
    sign_in: Callable[..., None],
    tmp_path: Path,
) -> None:
    client = build_app(replace(config, redis_url=f"unix://{tmp_path / 'nobody.sock'}")).test_client()
    sign_in(client, make.user(default_instance, Role.SYSTEM_ADMINISTRATOR))
    make.document(default_instance, tagging_state=RUNNING, tagging_claim="host.worker-1/ab")
    page = parsed(client.get(PAGE))
    assert "The broker does not answer." in part(page, "notices")
    assert "No worker is alive" not in part(page, "notices")
    assert "Broker away host.worker-1 cannot be asked 1 file in hand" in part(page, "crew")
    assert "Running 1" in part(page, "summary")


def test_calls_and_what_they_cost_about(administrator: Browser, acme: VirtualInstance, add: Add) -> None:
    add(
        enabled(acme, GOOGLE_CLOUD_VISION.key, maximum_number_of_calls=9000),
        enabled(acme),
        ProviderUsage(instance_id=acme.id, provider=GOOGLE, day=utc_now().date(), calls=3000),
        ProviderUsage(
            instance_id=acme.id, provider="microsoft-cognitive-services", day=utc_now().date(), calls=4
        ),
    )
    page = administrator.page(PAGE)
    told = part(page, "providers")
    assert "TensorFlow Working" in told
    assert "Calls today 3,000 Calls this month 3,000 of 9,000 This month, about USD 3.00" in told
    assert "An estimate from the published prices of 2026-" in told
    assert "so only calls are counted" in told
    assert page.find("a", string="Price list")["href"].startswith("https://")


def test_throughput_is_a_plot_with_the_same_figures_as_a_table(
    administrator: Browser, acme: VirtualInstance, make: Factory, add: Add
) -> None:
    document = make.document(acme, tagging_state=TaggingState.TAGGED)
    then = utc_now() - timedelta(minutes=5)
    for seconds in (0.1, 0.2, 9.0):
        add(
            TaggingAttempt(
                instance_id=acme.id,
                document_id=document.id,
                number=1,
                state=TaggingState.TAGGED,
                seconds=seconds,
                finished_at=then,
            )
        )
    page = administrator.page(PAGE)
    told = part(page, "throughput")
    assert "Last hour 3 images" in told
    assert "Median time an image 0.20 s 95 % take at most 9.0 s" in told
    assert len(page.find_all("rect", class_="plot-bar")) == 2
    minutes, hours = (" ".join(table.get_text(" ").split()) for table in page.select(".plot table"))
    # A minute may have passed since.
    assert minutes.endswith(("Minutes ago Images a minute 5 3", "Minutes ago Images a minute 6 3"))
    assert "Hours ago Images an hour" in hours


def test_runs_and_bulk_actions_under_way(administrator: Browser, acme: VirtualInstance, add: Add) -> None:
    add(
        TaggingRun(instance_id=acme.id, scope=RunScope.FOLDER, covers="Holiday", total=5),
        BulkAction(instance_id=acme.id, kind="edit_tags", selection={}, parameters={}, done=1200, total=5000),
    )
    told = part(administrator.page(PAGE), "unfinished")
    assert "Holiday tagging, started" in told
    assert "Edit tags bulk action, started" in told
    assert "1,200 of 5,000" in told


@pytest.mark.usefixtures("alive")
def test_work_that_fails_is_told_with_its_error_for_system_administrators(
    administrator: Browser, system_administrator: Browser, acme: VirtualInstance, add: Add
) -> None:
    failed = {"failures": 3, "last_error": "KeyError: 'x'", "next_try_at": utc_now()}
    add(
        TaggingRun(instance_id=acme.id, scope=RunScope.ALL, covers="Holiday", total=5, **failed),
        BulkAction(instance_id=acme.id, kind="translate", selection={}, parameters={}, total=5, **failed),
    )
    told = part(administrator.page(PAGE), "unfinished")
    assert told.count("Failed 3 times in a row; the next try is at") == 2
    assert "KeyError" not in told
    assert part(system_administrator.page(f"{PAGE}?instance=acme"), "unfinished").count("KeyError: 'x'") == 2


def test_steps_of_the_scheduler_that_fail_are_told(
    administrator: Browser, system_administrator: Browser, broker: Redis
) -> None:
    step = FailingStep("handing out", "instance 4711", utc_now(), 12, "KeyError: 'secret'")
    beat = Heartbeat(broker, Part.SCHEDULER, "host.cd", failing=lambda: [step])
    beat.start()
    wait_for(lambda: living(broker), "the sign")
    told = part(administrator.page(PAGE), "crew")
    assert "Handing out failed 12 times since" in told
    assert "4711" not in told
    assert "secret" not in told
    page = system_administrator.page(PAGE)
    assert "instance 4711" in part(page, "crew")
    assert "KeyError: 'secret'" in part(page, "crew")
    assert "is tried again" in part(page, "notices")
    beat.stop()


def test_free_space_is_for_system_administrators(
    administrator: Browser, system_administrator: Browser
) -> None:
    assert "Free on disk" not in part(administrator.page(PAGE), "storage")
    assert "Free on disk" in part(system_administrator.page(PAGE), "storage")


def test_a_failed_file_is_tried_again(
    administrator: Browser, acme: VirtualInstance, make: Factory, add: Add, sessions: sessionmaker[Session]
) -> None:
    add(enabled(acme))
    document = make.document(
        acme, tagging_state=QUARANTINED, tagging_reason_code="process_died", tagging_crashes=2
    )
    (address,) = actions(administrator.page(PAGE)).values()
    answer = administrator.post(address)
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert "Trying 1 file again." in said(administrator.page(PAGE))
    with sessions() as session:
        found = session.scalars(select(Document).filter_by(id=document.id)).one()
        assert (found.tagging_state, found.tagging_crashes) == (TaggingState.QUEUED, 0)
    assert administrator.post(address).status_code == 303
    assert "Nothing is left to try again here" in said(administrator.page(PAGE))


def test_all_of_a_reason_are_tried_again(
    administrator: Browser, acme: VirtualInstance, make: Factory, add: Add
) -> None:
    add(enabled(acme))
    for code in ("timed_out", "timed_out", "truncated_image"):
        make.document(acme, tagging_state=FAILED, tagging_reason_code=code)
    address = actions(administrator.page(PAGE))["Retry all 2"]
    assert administrator.post(address).status_code == 303
    page = administrator.page(PAGE)
    assert "Trying 2 files again." in said(page)
    assert "Queued 2" in part(page, "summary")
    assert "Failed 1" in part(page, "summary")


def test_why_nothing_can_be_tried_is_said(
    administrator: Browser, acme: VirtualInstance, make: Factory
) -> None:
    make.document(acme, tagging_state=FAILED, tagging_reason_code="timed_out")
    for address in actions(administrator.page(PAGE)).values():
        assert administrator.post(address).status_code == 303
    assert "No image auto tagging provider is enabled" in said(administrator.page(PAGE))


@pytest.mark.parametrize("query", ["", "?state=", "?state=nonsense&reason=x"])
def test_a_state_that_there_is_not_is_not_found(administrator: Browser, query: str) -> None:
    assert administrator.post(f"{PAGE}/retry{query}").status_code == 404
    assert administrator.post(f"{PAGE}/providers/nonsense/resume").status_code == 404
    assert administrator.post(f"{PAGE}/providers/tensorflow-process/resume").status_code == 404


def test_a_paused_provider_is_resumed(
    administrator: Browser, acme: VirtualInstance, add: Add, sessions: sessionmaker[Session]
) -> None:
    add(
        enabled(acme, GOOGLE_CLOUD_VISION.key),
        ProviderState(instance_id=acme.id, provider=GOOGLE, status=ProviderStatus.PAUSED, reason="Bad key."),
    )
    page = administrator.page(PAGE)
    assert "Paused since" in part(page, "providers")
    (address,) = actions(page).values()
    assert administrator.post(address).location == PAGE
    assert "Resumed." in said(administrator.page(PAGE))
    with sessions() as session:
        assert session.scalars(select(ProviderState)).all() == []


def test_a_disabled_process_is_enabled_again(
    system_administrator: Browser, administrator: Browser, add: Add, sessions: sessionmaker[Session]
) -> None:
    add(disabled_process())
    theirs = administrator.page(PAGE)
    assert "Permanently disabled since" in part(theirs, "process")
    assert "A system administrator can enable it again." in part(theirs, "process")
    assert actions(theirs) == {}
    page = system_administrator.page(PAGE)
    assert "Last reason: died of <b>fire</b>" in part(page, "process")
    assert page.find("b") is None
    assert system_administrator.post(actions(page)["Enable again"]).status_code == 303
    assert "Working 0 of 5" in part(system_administrator.page(PAGE), "process")
    with sessions() as session:
        assert [event.action for event in session.scalars(select(AuditEvent))] == ["process enabled"]


def test_the_parts_of_the_page_are_answered_alone(
    administrator: Browser, acme: VirtualInstance, make: Factory
) -> None:
    make.document(acme, file_name="new.jpg")
    answer = administrator.get(f"{PAGE}/state").json
    assert answer is not None
    page = administrator.page(PAGE)
    assert set(answer["sections"]) == {
        found["data-part"] for found in page.find_all(attrs={"data-part": True})
    }
    assert answer["pending"] is True
    assert "new.jpg" in answer["sections"]["waiting"]
    assert not any("csrf_token" in html for html in answer["sections"].values())
