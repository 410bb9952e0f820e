"""`autotag up` and its parts are killed: what can restart does, and what cannot leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import psutil
import pytest
import requests

if TYPE_CHECKING:
    from tests.conftest import Installation

FINAL = {"tagged", "no_tags"}


def test_up_that_is_killed_leaves_no_part_behind_and_goes_on_where_it_was(
    start_installation: Callable[..., Installation], make_pictures: Callable[[int], list[bytes]]
) -> None:
    installation = start_installation()
    client = installation.client()
    ids: list[int] = []
    held: list[psutil.Process] = []
    for number, content in enumerate(make_pictures(40)):
        ids.append(client.upload(f"{number}.jpg", content))
        # Images are tagged as quickly as one client uploads: held meanwhile, so that something is left at the kill.
        if number >= 10:
            held = installation.processes("autotag.inference")
            for process in held:
                process.suspend()
    for process in held:
        process.resume()
    installation.kill()
    installation.assert_nothing_left()
    assert sum(installation.database.states(ids).values()) == 40
    assert installation.unfinished(ids), "all was tagged before the kill: nothing was proved"
    installation.start()
    installation.wait_final(ids)
    assert set(installation.database.states(ids)) <= FINAL
    installation.assert_tagged_once(ids)
    assert client.get("/documents").status_code == 200, "the sign-in did not survive"


def test_a_web_server_that_is_killed_comes_back_and_workers_go_on(
    installation: Installation, make_pictures: Callable[[int], list[bytes]]
) -> None:
    client = installation.client()
    pictures = make_pictures(30)
    ids = [client.upload(f"{number}.jpg", content) for number, content in enumerate(pictures[:20])]
    killed = installation.web_server()
    assert killed is not None
    killed.kill()
    installation.wait(
        lambda: installation.web_server() not in (None, killed) and installation.is_ready(),
        "the web server's return",
    )
    client.session.close()
    ids += [client.upload(f"{number}.jpg", content) for number, content in enumerate(pictures[20:])]
    installation.wait_final(ids)
    assert set(installation.database.states(ids)) <= FINAL
    installation.assert_tagged_once(ids)


def test_an_upload_that_the_killed_web_server_acknowledged_is_there(
    installation: Installation, make_pictures: Callable[[int], list[bytes]]
) -> None:
    client = installation.client()
    acknowledged: dict[int, bytes] = {}
    pictures = make_pictures(20)
    for number, content in enumerate(pictures):
        if number == 10:
            server = installation.web_server()
            assert server is not None
            server.kill()
        try:
            acknowledged[client.upload(f"{number}.jpg", content)] = content
        except requests.ConnectionError:
            installation.wait(installation.is_ready, "the web server's return")
    assert len(acknowledged) >= 18
    installation.wait_final(acknowledged)
    for key, content in acknowledged.items():
        assert client.get(f"/documents/{key}/content").content == content


@pytest.mark.parametrize("part", ["autotag scheduler", "autotag worker", "valkey-server", "autotag web"])
def test_every_part_that_dies_is_started_again(installation: Installation, part: str) -> None:
    killed = {process.pid for process in installation.processes(part)}
    assert killed
    for process in installation.processes(part):
        process.kill()

    def is_back() -> bool:
        living = {process.pid for process in installation.processes(part)}
        return len(living) == len(killed) and not living & killed

    installation.wait(is_back, f"the return of {part}")
    installation.wait(installation.is_ready, "readiness")
