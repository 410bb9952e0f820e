"""Workers and their inference processes die in the middle: everything is tagged, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Installation

UPLOADS = 50
FINAL = {"tagged", "no_tags"}


def upload(installation: Installation, pictures: list[bytes]) -> list[int]:
    client = installation.client()
    return [client.upload(f"{number}.jpg", content) for number, content in enumerate(pictures)]


def finished(installation: Installation, ids: list[int]) -> int:
    return len(ids) - installation.unfinished(ids)


def test_a_worker_that_is_killed_with_work_in_hand_loses_nothing_and_repeats_nothing(
    installation: Installation, make_pictures: Callable[[int], list[bytes]]
) -> None:
    ids = upload(installation, make_pictures(UPLOADS))
    for worker in installation.workers():
        worker.kill()
        installation.wait(lambda: len(installation.workers()) == 2, "the worker's return")
    installation.wait_final(ids)
    assert set(installation.database.states(ids)) <= FINAL
    installation.assert_tagged_once(ids)


def test_a_worker_that_is_killed_again_and_again_during_a_run_still_tags_each_document_once(
    installation: Installation, make_pictures: Callable[[int], list[bytes]]
) -> None:
    # Only one of the two, a few times: a document whose worker died three times would rightly be set aside.
    ids = upload(installation, make_pictures(UPLOADS))
    for _ in range(2):
        installation.wait(lambda: len(installation.workers()) == 2, "both workers")
        installation.workers()[0].kill()
        installation.wait(lambda: len(installation.workers()) < 2, "its end")
    installation.wait_final(ids)
    assert set(installation.database.states(ids)) <= FINAL
    installation.assert_tagged_once(ids)


def test_a_killed_worker_leaves_no_inference_process_behind(
    installation: Installation, make_pictures: Callable[[int], list[bytes]]
) -> None:
    ids = upload(installation, make_pictures(4))
    installation.wait_final(ids)
    before = {process.pid for process in installation.inference_processes()}
    assert before
    for worker in installation.workers():
        worker.kill()
    installation.wait(
        lambda: not before & {process.pid for process in installation.inference_processes()},
        "the end of the inference processes",
    )
    installation.wait(lambda: len(installation.workers()) == 2, "the workers' return")
    again = upload(installation, make_pictures(4))
    installation.wait_final(again)
    assert set(installation.database.states(again)) <= FINAL


def test_an_inference_process_that_dies_is_replaced_and_its_image_tried_again(
    installation: Installation, make_pictures: Callable[[int], list[bytes]]
) -> None:
    installation.wait_final(upload(installation, make_pictures(4)))
    ids = upload(installation, make_pictures(20))
    installation.inference_processes()[0].kill()
    installation.wait_final(ids)
    assert set(installation.database.states(ids)) <= FINAL
    installation.assert_tagged_once(ids)
    rows = installation.database.rows(
        "SELECT tagging_reason_code, tagging_claim, tagging_lease_until FROM document WHERE id IN :ids",
        ids=ids,
    )
    assert {row["tagging_reason_code"] for row in rows} <= {"", "no_tags"}
    assert {(row["tagging_claim"], row["tagging_lease_until"]) for row in rows} == {(None, None)}


def test_a_process_that_died_while_idle_is_no_fault_of_the_next_image(
    installation: Installation, make_pictures: Callable[[int], list[bytes]]
) -> None:
    def both_workers_have_one() -> bool:
        # One worker may take all that is sent at once; the other takes some of what comes after.
        installation.wait_final(upload(installation, make_pictures(8)))
        return len(installation.inference_processes()) == 2

    installation.wait(both_workers_have_one, "an inference process at each worker")
    for process in installation.inference_processes():
        process.kill()
    ids = upload(installation, make_pictures(8))
    installation.wait_final(ids)
    attempts = installation.database.rows("SELECT tagging_attempts FROM document WHERE id IN :ids", ids=ids)
    assert {row["tagging_attempts"] for row in attempts} == {1}
