"""`/metrics`: who may read it, what it tells, and that it never fails."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from autotag.config import Config
from autotag.guards import FailingStep
from autotag.instances.tokens import create_token
from autotag.metrics import counters, worker_metrics
from autotag.metrics.counters import Ledger
from autotag.models import Role, TaggingState, User, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.queueing.heartbeats import Heartbeat, Part, living
from tests.conftest import counted_statements, wait_for
from tests.unit.conftest import Factory

SignIn = Callable[..., None]
Read = Callable[..., dict[tuple[str, ...], float]]
FAR = {"REMOTE_ADDR": "203.0.113.9"}


@pytest.fixture
def app(config: Config, broker_socket: Path, build_app: Callable[[Config], Flask]) -> Flask:
    return build_app(replace(config, redis_url=f"unix://{broker_socket}"))


@pytest.fixture
def client(app: Flask, broker: Redis, default_instance: VirtualInstance) -> FlaskClient:
    return app.test_client()


def parsed(text: str) -> dict[tuple[str, ...], float]:
    """Samples by name and values of labels, read by Prometheus' own parser."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def read(client: FlaskClient) -> dict[tuple[str, ...], float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    return parsed(answer.text)


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_a_program_on_this_machine_may_read_them(client: FlaskClient, peer: str, host: str) -> None:
    answer = client.get("/metrics", headers={"Host": host}, environ_base={"REMOTE_ADDR": peer})
    assert answer.status_code == 200


@pytest.mark.parametrize("peer", ["203.0.113.9", "10.0.0.1", "", "::ffff:10.0.0.1", "unix:"])
def test_one_elsewhere_may_not(client: FlaskClient, peer: str) -> None:
    answer = client.get("/metrics", environ_base={"REMOTE_ADDR": peer})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json is not None
    assert answer.json["code"] == "not_signed_in"


@pytest.mark.parametrize(
    "header",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
        {"X-Forwarded-Proto": "https"},
        {"X-Forwarded-Host": "localhost"},
        {"Via": "1.1 proxy"},
    ],
    ids=lambda header: next(iter(header)),
)
def test_what_a_proxy_on_this_machine_passes_on_is_not_from_this_machine(
    client: FlaskClient, header: dict[str, str]
) -> None:
    assert client.get("/metrics", headers=header).status_code == 401
    assert client.get("/metrics", headers=header, environ_base=FAR).status_code == 401


def test_a_page_that_points_its_name_at_this_machine_reads_nothing(
    client: FlaskClient, make: Factory
) -> None:
    make.instance("acme")
    assert client.get("/metrics", headers={"Host": "evil.test"}).status_code == 404
    assert client.get("/metrics", headers={"Host": "acme.localhost"}).status_code == 401


def test_system_administrators_may_read_them_from_anywhere_and_nobody_else(
    app: Flask, broker: Redis, make: Factory, default_instance: VirtualInstance, sign_in: SignIn
) -> None:
    acme = make.instance("acme")
    for instance, host, role, status in (
        (default_instance, "localhost", Role.SYSTEM_ADMINISTRATOR, 200),
        (default_instance, "localhost", Role.ADMINISTRATOR, 403),
        (acme, "acme.localhost", Role.ADMINISTRATOR, 403),
    ):
        client = app.test_client()
        sign_in(client, make.user(instance, role), host)
        answer = client.get("/metrics", base_url=f"http://{host}/", environ_base=FAR)
        assert answer.status_code == status, (host, role)


def test_a_system_administrators_token_may_read_them_and_no_other(
    client: FlaskClient,
    make: Factory,
    default_instance: VirtualInstance,
    sessions: sessionmaker[Session],
) -> None:
    def status(user: User, role: Role, host: str = "localhost") -> int:
        with sessions() as session, unit_of_work(session) as work:
            owner = work.session.get_one(User, user.id)
            _, token = create_token(work, owner, name=f"for {role}", role=role, actor="test")
        headers = {"Authorization": f"Bearer {token}"}
        answer = client.get("/metrics", base_url=f"http://{host}/", headers=headers, environ_base=FAR)
        return answer.status_code

    system_administrator = make.user(default_instance, Role.SYSTEM_ADMINISTRATOR)
    assert status(system_administrator, Role.SYSTEM_ADMINISTRATOR) == 200
    assert status(system_administrator, Role.VIEWER) == 401
    stranger = make.user(make.instance("acme"), Role.ADMINISTRATOR)
    assert status(stranger, Role.ADMINISTRATOR) == 401
    assert status(stranger, Role.ADMINISTRATOR, "acme.localhost") == 401


def test_documents_are_counted_by_instance_and_state_and_the_oldest_has_an_age(
    client: FlaskClient, make: Factory, default_instance: VirtualInstance
) -> None:
    acme, now = make.instance("acme"), utc_now()
    for hours in (1, 2):
        make.document(acme, tagging_updated_at=now - timedelta(hours=hours))
    make.document(acme, tagging_reason_code="waiting_for_google", tagging_updated_at=now - timedelta(hours=9))
    make.document(default_instance, tagging_state=TaggingState.FAILED)
    make.document(default_instance, tagging_state=TaggingState.TAGGED)
    make.document(default_instance, deleted_at=now)
    found = read(client)
    assert {key[1:]: value for key, value in found.items() if key[0] == "autotag_documents"} == {
        ("acme", "queued"): 3,
        ("default", "failed"): 1,
    }
    ages = {key[1:]: value for key, value in found.items() if key[0] == "autotag_oldest_queued_age_seconds"}
    assert ages == {
        ("acme", "worker"): pytest.approx(7200, abs=60),
        ("acme", "provider"): pytest.approx(32400, abs=60),
    }


def test_requests_are_counted_by_endpoint_method_and_status(
    app: Flask, client: FlaskClient, broker: Redis
) -> None:
    for path in ("/sign-in", "/sign-in", "/no-such-page/7", "/healthz", "/static/mark.svg"):
        client.get(path).close()
    client.open("/sign-in", method="BREW")
    app.extensions["autotag"].ledger.hand_over(broker)
    found = read(client)
    counts = {key[1:]: value for key, value in found.items() if key[0] == "autotag_http_requests_total"}
    assert counts == {
        ("auth.sign_in", "GET", "200"): 2,
        ("none", "GET", "404"): 1,
        ("health.healthz", "GET", "200"): 1,
        ("none", "other", "405"): 1,
    }
    name = "autotag_http_request_duration_seconds"
    assert found[f"{name}_count", "auth.sign_in", "GET"] == 2
    assert found[f"{name}_bucket", "auth.sign_in", "+Inf", "GET"] == 2
    assert 0 < found[f"{name}_sum", "auth.sign_in", "GET"] < 60


def test_what_processes_add_up_is_told_together(
    client: FlaskClient, broker: Redis, default_instance: VirtualInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = default_instance.id
    for seconds in (0.003, 0.2, 99.0):
        monkeypatch.setattr(counters, "work", Ledger())
        worker_metrics.note_stages({"inference": seconds})
        worker_metrics.note_call(number, "google", seconds)
        worker_metrics.note_error(number, "google", "rate_limited")
        worker_metrics.note_relaunch()
        counters.work.hand_over(broker)
    found = read(client)
    assert found["autotag_provider_calls_total", "default", "google"] == 3
    assert found["autotag_provider_errors_total", "rate_limited", "default", "google"] == 3
    assert found["autotag_process_relaunches_total",] == 3
    stage = {
        key[1]: value for key, value in found.items() if key[0] == "autotag_stage_duration_seconds_bucket"
    }
    assert (stage["0.005"], stage["0.1"], stage["0.25"], stage["30.0"], stage["+Inf"]) == (1, 1, 2, 2, 3)
    assert found["autotag_stage_duration_seconds_sum", "inference"] == pytest.approx(99.203)


def test_workers_alive_are_told_by_their_sign(client: FlaskClient, broker: Redis) -> None:
    heartbeat = Heartbeat(broker, Part.WORKER, "host.worker-1.x")
    heartbeat._beat()
    found = read(client)
    assert (found["autotag_workers_alive",], found["autotag_schedulers_alive",]) == (1, 0)
    assert found["autotag_jobs_waiting",] == 0


def test_without_a_broker_the_rest_is_told(
    config: Config, build_app: Callable[[Config], Flask], make: Factory, default_instance: VirtualInstance
) -> None:
    make.document(default_instance)
    found = read(build_app(config).test_client())
    assert (found["autotag_broker_up",], found["autotag_database_up",]) == (0, 1)
    assert found["autotag_documents", "default", "queued"] == 1
    assert not any(key[0].startswith("autotag_http") for key in found)


def test_without_a_database_the_rest_is_told(
    config: Config, broker: Redis, broker_socket: Path, build_app: Callable[[Config], Flask]
) -> None:
    away = replace(config, database_url="sqlite:////nowhere/a.sqlite", redis_url=f"unix://{broker_socket}")
    measures_of_somebody = Ledger()
    measures_of_somebody.add(worker_metrics.IMAGES, "1", "tagged")
    measures_of_somebody.hand_over(broker)
    found = read(build_app(away).test_client())
    assert (found["autotag_broker_up",], found["autotag_database_up",]) == (1, 0)
    assert not any(key[0] == "autotag_images_total" for key in found)


def test_sums_of_another_version_are_left_out(client: FlaskClient, broker: Redis) -> None:
    other = Ledger()
    other.add("of_the_future", "x")
    other.add(worker_metrics.IMAGES, "1", "tagged", "one more")
    other.hand_over(broker)
    assert not any(key[0].startswith(("of_the", "autotag_images")) for key in read(client))


def test_failing_steps_of_the_scheduler_are_told(client: FlaskClient, broker: Redis) -> None:
    step = FailingStep("runs", "", utc_now(), 3, "KeyError: 'x'")
    beat = Heartbeat(broker, Part.SCHEDULER, "host.cd", failing=lambda: [step])
    beat.start()
    process = Ledger()
    process.add(worker_metrics.STEP_FAILURES, "runs", amount=3)
    process.hand_over(broker)
    wait_for(lambda: living(broker), "the sign")
    found = read(client)
    assert found["autotag_steps_failing",] == 1
    assert found["autotag_step_failures_total", "runs"] == 3
    beat.stop()


@pytest.mark.parametrize(
    ("metric", "labels", "part"),
    [
        (worker_metrics.IMAGES, ["x", "tagged"], ""),
        (worker_metrics.IMAGES, ["9" * 10_000, "tagged"], ""),
        (worker_metrics.IMAGES, ["\u0663", "tagged"], ""),
        (worker_metrics.IMAGES, ["1", "tagged"], "sum"),
        (worker_metrics.RELAUNCHES, [], "0.005"),
        (worker_metrics.STAGES, ["decode"], "often"),
    ],
)
def test_sums_that_nobody_can_have_added_are_left_out(
    client: FlaskClient, broker: Redis, metric: str, labels: list[str], part: str
) -> None:
    broker.hset(counters.SUMS, json.dumps([metric, labels, part]), "1")
    broker.hset(counters.SUMS, b"\xff", "1")
    broker.sadd("autotag:alive", b"\xff", "cook:jim")
    found = read(client)
    assert found["autotag_broker_up",] == 1
    assert not any(
        name[0] in ("autotag_images_total", "autotag_stage_duration_seconds_sum") for name in found
    )
    assert found["autotag_process_relaunches_total",] == 0


def test_beyond_a_hundred_instances_the_others_share_their_series(
    client: FlaskClient, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autotag.operations.metrics_snapshot.NAMED_INSTANCES", 2)
    for web_id in ("acme", "globex", "initech"):
        make.document(make.instance(web_id))
    found = read(client)
    assert {key[1]: value for key, value in found.items() if key[0] == "autotag_documents"} == {
        "acme": 1,
        "other": 2,
    }


def test_the_number_of_statements_does_not_grow(app: Flask, client: FlaskClient, make: Factory) -> None:
    from autotag.extensions import db

    with app.app_context():
        engine: Engine = db.engine
    counts = []
    for _ in range(2):
        with counted_statements(engine) as statements:
            read(client)
        counts.append(len(statements))
        for _ in range(5):
            make.document(make.instance())
    assert counts[0] == counts[1] <= 5
