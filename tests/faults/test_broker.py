"""The broker goes away in the middle: uploads are taken all the same, and tagged when it is back."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from tests.conftest import Client, Installation

UPLOADS = 50
FINAL = {"tagged", "no_tags"}


def upload(client: Client, pictures: list[bytes]) -> list[int]:
    return [client.upload(f"{number}.jpg", content) for number, content in enumerate(pictures)]


def test_a_broker_that_dies_once_costs_no_upload_and_no_tag(
    installation: Installation, make_pictures: Callable[[int], list[bytes]]
) -> None:
    client = installation.client()
    pictures = make_pictures(UPLOADS)
    ids = upload(client, pictures[:20])
    (broker,) = installation.brokers()
    broker.kill()
    ids += upload(client, pictures[20:])
    installation.wait_final(ids)
    assert set(installation.database.states(ids)) <= FINAL
    installation.assert_tagged_once(ids)
    assert [process.pid for process in installation.brokers()] != [broker.pid]


def test_a_broker_that_stays_away_during_all_uploads_costs_nothing_but_time(
    installation: Installation, make_pictures: Callable[[int], list[bytes]]
) -> None:
    client = installation.client()
    over = threading.Event()

    def keep_killing() -> None:
        while not over.wait(0.05):
            for broker in installation.brokers():
                with suppress(psutil.NoSuchProcess):
                    broker.kill()

    killer = threading.Thread(target=keep_killing)
    killer.start()
    try:
        ids = upload(client, make_pictures(UPLOADS))
    finally:
        over.set()
        killer.join()
    installation.wait_final(ids, 120)
    assert set(installation.database.states(ids)) <= FINAL
    installation.assert_tagged_once(ids)


def test_a_broker_that_hangs_delays_an_upload_by_seconds_only(
    installation: Installation, make_pictures: Callable[[int], list[bytes]]
) -> None:
    client = installation.client()
    pictures = make_pictures(8)
    ids = upload(client, pictures[:4])
    installation.wait(lambda: len(installation.brokers()) == 1, "the broker")
    (broker,) = installation.brokers()
    broker.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        ids += upload(client, pictures[4:6])
        assert time.monotonic() - started < 60
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "ok")
    finally:
        broker.send_signal(signal.SIGCONT)
    ids += upload(client, pictures[6:])
    installation.wait_final(ids)
    assert set(installation.database.states(ids)) <= FINAL
    installation.assert_tagged_once(ids)
