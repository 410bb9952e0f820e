"""The operations page of a real installation: who is alive, what failed and is tried again, the process enabled."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from bs4 import BeautifulSoup, Tag

if TYPE_CHECKING:
    from tests.conftest import Installation

PAGE = "/control-panel/operations"
Pictures = Callable[[int], list[bytes]]


@pytest.fixture(scope="module")
def installation(start_installation: Callable[..., Installation]) -> Installation:
    return start_installation(2)


def page_of(installation: Installation) -> BeautifulSoup:
    answer = installation.client().get(PAGE)
    assert answer.status_code == 200
    return BeautifulSoup(answer.text, "html.parser")


def part(page: BeautifulSoup, name: str) -> str:
    found = page.find(attrs={"data-part": name})
    assert isinstance(found, Tag)
    return " ".join(found.get_text(" ").split())


def press(installation: Installation, page: BeautifulSoup, words: str) -> None:
    """Press a button of the page, which has to be there once."""
    buttons = page.find_all("button", attrs={"form": "operations-form"})
    (address,) = (
        str(button["formaction"]) for button in buttons if " ".join(button.get_text(" ").split()) == words
    )
    token = installation.client().csrf_token(PAGE)
    answer = installation.client().post(address, data={"csrf_token": token}, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)


def worker_names(installation: Installation) -> list[str]:
    """The workers that the page calls alive."""
    told = part(page_of(installation), "crew")
    return re.findall(r"(\S+\.worker-\d+) alive", told)


def test_a_worker_that_is_killed_disappears_from_the_page_and_returns(installation: Installation) -> None:
    installation.wait(lambda: len(worker_names(installation)) == 2, "two workers on the page")
    assert "Scheduler alive" in part(page_of(installation), "crew")
    assert part(page_of(installation), "notices") == ""
    # Stopped, so that its successor does not come at once: the supervisor waits for its end.
    frozen = installation.workers()[0]
    frozen.suspend()
    installation.wait(lambda: len(worker_names(installation)) == 1, "the silent one gone")
    frozen.kill()
    installation.wait(lambda: len(worker_names(installation)) == 2, "its successor")


def test_failed_files_are_tried_again_by_reason_and_become_tagged(
    installation: Installation, make_pictures: Pictures
) -> None:
    client, database = installation.client(), installation.database
    ids = [client.upload(f"{number}.jpg", content) for number, content in enumerate(make_pictures(3))]
    installation.wait_final(ids)
    for document_id in ids:
        database.change("DELETE FROM tag_assignment WHERE document_id = :id", id=document_id)
        database.change(
            "UPDATE document SET tagging_state = 'failed', tagging_reason_code = 'timed_out',"
            " tagging_reason = 'Too slow.' WHERE id = :id",
            id=document_id,
        )
    page = page_of(installation)
    assert "Too slow. 3 files" in part(page, "trouble")
    press(installation, page, "Retry all 3")
    installation.wait_final(ids)
    assert database.states(ids) == {"tagged": 3}
    assert "Nothing failed." in part(page_of(installation), "trouble")
    assert re.search(r"Last hour \d+ images", part(page_of(installation), "throughput"))


def test_a_quarantined_file_is_tried_again(installation: Installation, make_pictures: Pictures) -> None:
    client, database = installation.client(), installation.database
    document_id = client.upload("killer.jpg", make_pictures(1)[0])
    installation.wait_final([document_id])
    database.change("DELETE FROM tag_assignment WHERE document_id = :id", id=document_id)
    database.change(
        "UPDATE document SET tagging_state = 'quarantined', tagging_reason_code = 'process_died', tagging_crashes = 2"
        " WHERE id = :id",
        id=document_id,
    )
    press(installation, page_of(installation), "Retry killer.jpg")
    installation.wait_final([document_id])
    assert database.states([document_id]) == {"tagged": 1}
    assert database.document(document_id)["tagging_crashes"] == 0


def test_a_disabled_process_is_shown_and_enabled_again_from_the_page(
    installation: Installation, make_pictures: Pictures
) -> None:
    database = installation.database
    database.change(
        "INSERT INTO process_state (id, crashes, last_crash_at, last_reason, disabled_at)"
        " VALUES (1, 6, '2026-01-01 00:00:00.000000', 'ended by SIGKILL', '2026-01-01 00:00:00.000000')"
    )
    document_id = installation.client().upload("waits.jpg", make_pictures(1)[0])

    def waits() -> bool:
        return bool(database.document(document_id)["tagging_reason_code"] == "process_disabled")

    installation.wait(waits, "the wait")
    page = page_of(installation)
    assert "Permanently disabled since" in part(page, "process")
    assert "ended by SIGKILL" in part(page, "process")
    assert "Waiting for the TensorFlow process, which is disabled 1 file" in part(page, "waiting")
    press(installation, page, "Enable again")
    installation.wait_final([document_id])
    assert database.states([document_id]) == {"tagged": 1}
    assert "Working" in part(page_of(installation), "process")


def test_a_broker_that_goes_away_is_said(installation: Installation) -> None:
    (broker,) = installation.brokers()
    broker.suspend()
    try:
        assert "The broker does not answer." in part(page_of(installation), "notices")
    finally:
        broker.resume()
    installation.wait(lambda: "Broker answers" in part(page_of(installation), "crew"), "its return")
