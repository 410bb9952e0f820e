"""Webhooks over the whole road: added on the page, a file goes up, a worker tags it, a small server is told."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import LONG_AGO

if TYPE_CHECKING:
    from tests.conftest import Installation

Verify = Callable[[str, str, bytes], bool]
Pictures = Callable[[int], list[bytes]]
EVENTS = ("document.tagged", "document.failed", "run.finished")


@pytest.fixture(scope="module")
def road(start_installation: Callable[..., Installation]) -> Installation:
    started = start_installation(1, AUTOTAG_ALLOWED_PRIVATE_HOSTS="127.0.0.1")
    # Whatever the model says of a picture becomes a tag: a drawing is tagged as well.
    started.configure("tensorflow", "default", confidence_threshold="0.0")
    return started


@pytest.fixture(scope="module")
def told(road: Installation, webhook_receiver: Any) -> str:
    """The secret of a webhook of the default instance, which is told of everything."""
    return add_webhook(road.client(), f"{webhook_receiver.address}/hook")


@pytest.fixture(autouse=True)
def _fresh(webhook_receiver: Any) -> None:
    webhook_receiver.reset()


def add_webhook(client: Any, address: str) -> str:
    """Add a webhook on the page; return the secret that it shows."""
    sent = {"address": address, "events": EVENTS, "csrf_token": client.csrf_token()}
    page = client.post("/control-panel/webhooks/add", data=sent)
    found = re.search(r'id="shown-once-secret">([^<]+)<', page.text)
    assert found, page.text[:500]
    return found[1]


def tag_one(road: Installation, make_pictures: Pictures) -> int:
    """Upload a picture and wait until it is tagged; return the document's id."""
    document_id = road.client().upload("picture.jpg", make_pictures(1)[0])
    road.wait_final([document_id])
    assert road.database.document(document_id)["tagging_state"] == "tagged"
    return document_id


def pass_time(road: Installation) -> None:
    """Let every delivery that waits for a moment be due, as if that moment had come."""
    road.database.change("UPDATE webhook_delivery SET next_try_at = :past", past=LONG_AGO)
    road.database.change("UPDATE webhook_delivery SET lease_until = NULL WHERE state = 'waiting'")
    road.database.change("UPDATE webhook SET rest_until = NULL")


def test_a_tagged_upload_is_told_and_the_documented_lines_verify_it(
    road: Installation,
    told: str,
    webhook_receiver: Any,
    documented_verification: Verify,
    make_pictures: Pictures,
) -> None:
    document_id = tag_one(road, make_pictures)
    road.wait(lambda: webhook_receiver.taken, "the delivery")
    (request,) = webhook_receiver.taken
    (event,) = webhook_receiver.events
    assert documented_verification(told, request.header("Autotag-Signature"), request.body)
    assert (event["type"], event["instance"]) == ("document.tagged", "default")
    assert event["document"]["id"] == document_id
    tags = {tag["name"]: tag["confidence"] for tag in event["document"]["tags"]}
    assert tags == road.database.tags(document_id)
    assert told not in road.log()


def test_a_failure_and_a_finished_run_are_told(
    road: Installation, told: str, webhook_receiver: Any, make_pictures: Pictures
) -> None:
    tag_one(road, make_pictures)
    road.wait(lambda: webhook_receiver.taken, "the first delivery")
    webhook_receiver.reset()
    client = road.client()
    broken_id = client.upload("letter.jpg", b"This is a letter and not a picture.\n")
    road.wait(lambda: webhook_receiver.taken, "the failure")
    (event,) = webhook_receiver.events
    assert (event["type"], event["document"]["id"]) == ("document.failed", broken_id)
    assert event["document"]["reason_code"] == "not_an_image"
    client.post("/runs", data={"scope": "all", "csrf_token": client.csrf_token()})
    road.wait(lambda: "run.finished" in {one["type"] for one in webhook_receiver.events}, "the run's end")
    run = next(one["run"] for one in webhook_receiver.events if one["type"] == "run.finished")
    assert run["done"] == run["total"] - run["failed"] - run["left_out"] >= 1


def test_a_server_that_fails_twice_gets_it_the_third_time(
    road: Installation, told: str, webhook_receiver: Any, make_pictures: Pictures
) -> None:
    webhook_receiver.fail_next(2, "server_error")
    document_id = tag_one(road, make_pictures)
    for tries in (1, 2):
        road.wait(lambda tries=tries: tries_of(road)[-1] == tries, f"try {tries}")
        assert webhook_receiver.taken == []
        pass_time(road)
    road.wait(lambda: webhook_receiver.taken, "the third try")
    assert webhook_receiver.events[0]["document"]["id"] == document_id
    first, second, third = webhook_receiver.requests
    assert first.body == second.body == third.body
    newest = "SELECT attempts, state FROM webhook_delivery ORDER BY id DESC LIMIT 1"
    road.wait(lambda: road.database.rows(newest)[0]["state"] == "delivered", "its end")
    attempts = json.loads(road.database.rows(newest)[0]["attempts"])
    assert [attempt[1] for attempt in attempts] == [500, 500, 204]


def tries_of(road: Installation) -> list[int]:
    rows = road.database.rows("SELECT tries FROM webhook_delivery ORDER BY id")
    return [row["tries"] for row in rows] or [0]


def test_a_scheduler_that_is_killed_while_it_sends_loses_nothing(
    road: Installation, told: str, webhook_receiver: Any, make_pictures: Pictures
) -> None:
    webhook_receiver.fail_next(1, "silence")
    document_id = tag_one(road, make_pictures)
    road.wait(lambda: webhook_receiver.requests, "the first try")
    for process in road.processes("autotag scheduler"):
        process.kill()
    pass_time(road)
    road.wait(lambda: webhook_receiver.taken, "the second try")
    assert webhook_receiver.events[0]["document"]["id"] == document_id
    assert len({request.header("Autotag-Event-Id") for request in webhook_receiver.requests}) == 1


def test_a_dead_address_of_one_instance_does_not_delay_anothers(
    road: Installation, told: str, webhook_receiver: Any, make_pictures: Pictures
) -> None:
    tenant = road.tenant("slow")
    tenant.configure("tensorflow", enabled="true", confidence_threshold="0.0")
    with socket.socket() as never:
        never.bind(("127.0.0.1", 0))
        never.listen(16)
        for _ in range(4):
            add_webhook(tenant.client, f"http://127.0.0.1:{never.getsockname()[1]}/")
        ids = [tenant.client.upload(f"{n}.jpg", one) for n, one in enumerate(make_pictures(2))]
        road.wait_final(ids)
        held = "SELECT count(*) FROM webhook_delivery WHERE claim IS NOT NULL"
        road.wait(lambda: road.database.value(held), "the silent address being tried")
        tag_one(road, make_pictures)
        road.wait(lambda: webhook_receiver.taken, "the delivery")
        assert road.database.value(held), "the silent address was still being waited for"
        road.database.change("DELETE FROM webhook WHERE instance_id = :id", id=tenant.id)
