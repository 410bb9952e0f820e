"""A run over 300 files on a real installation: stopped, resumed, undone, its workers killed; nothing is half tagged."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.conftest import Installation

FILES = 300


class People:
    """An administrator at the pages, and a look at the library."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.database = installation.database
        self.client = installation.client()
        self._token = self.client.csrf_token()

    def post(self, path: str, **fields: object) -> str:
        """Send a form; return where it led."""
        answer = self.client.post(path, data={"csrf_token": self._token} | fields, allow_redirects=False)
        assert answer.status_code == 303, f"{path}: {answer.status_code} {answer.text[:300]}"
        return answer.headers["Location"]

    def start(self, path: str = "/runs", **fields: object) -> int:
        self.post(path, **fields)
        number: int = self.database.value("SELECT max(id) FROM tagging_run")
        return number

    def items(self, run: int) -> dict[str, int]:
        rows = self.database.rows(
            "SELECT state, count(*) AS number FROM tagging_run_item WHERE run_id = :run GROUP BY state",
            run=run,
        )
        return {row["state"]: row["number"] for row in rows}

    def wait_for_run(self, run: int, seconds: float = 120.0) -> None:
        def is_over() -> bool:
            row = self.database.rows("SELECT * FROM tagging_run WHERE id = :run", run=run)[0]
            return row["finished_at"] is not None and "queued" not in self.items(run)

        self.installation.wait(is_over, f"the end of run {run}", seconds)

    def library(self) -> tuple[list[Any], list[Any], list[Any]]:
        """All that people see of documents, tags and who put them there."""
        documents = self.database.rows(
            "SELECT id, tagging_state, tagging_reason_code, tagging_reason FROM document ORDER BY id"
        )
        tags = self.database.rows(
            "SELECT document_id, tag.name, source, provider, confidence FROM tag_assignment"
            " JOIN tag ON tag.id = tag_assignment.tag_id ORDER BY document_id, tag.name"
        )
        names = self.database.rows("SELECT name FROM tag ORDER BY name")
        return [tuple(row.values()) for row in documents], [tuple(row.values()) for row in tags], [*names]

    def untagged_with_an_attempt(self, run: int) -> int:
        """Files of a run that are half done: an attempt without an item done, or the other way round."""
        number: int = self.database.value(
            "SELECT count(*) FROM tagging_run_item AS item WHERE run_id = :run"
            " AND (state = 'done') <> EXISTS (SELECT 1 FROM tagging_attempt AS attempt"
            " WHERE attempt.document_id = item.document_id AND attempt.run_id = :run)",
            run=run,
        )
        return number


def small(content: bytes) -> bytes:
    """The picture at the size of a thumbnail, different from every other one."""
    image = Image.open(io.BytesIO(content))
    image.thumbnail((240, 240))
    made = io.BytesIO()
    image.convert("RGB").save(made, "JPEG")
    return made.getvalue() + content[-8:]


@pytest.fixture(scope="module")
def people(installation: Installation, make_pictures: Callable[[int], list[bytes]]) -> People:
    """300 files that came while nothing was tagged, and somebody who enables TensorFlow then."""
    installation.configure("tensorflow", "default", enabled="false")
    people = People(installation)
    ids = [
        people.client.upload(f"{number}.jpg", content) for number, content in enumerate(make_pictures(FILES))
    ]
    installation.wait_final(ids, 120)
    assert installation.database.states() == {"skipped": FILES}
    installation.configure("tensorflow", "default", enabled="true")
    return people


def test_a_run_is_cancelled_in_the_middle_resumed_and_undone(people: People) -> None:
    before = people.library()
    run = people.start(scope="untagged")
    people.installation.wait(lambda: people.items(run).get("done", 0) > 60, "the middle of the run")
    people.post(f"/runs/{run}/cancel")
    people.wait_for_run(run)
    items = people.items(run)
    done = items["done"]
    assert 60 < done < FILES
    assert items == {"done": done, "waiting": FILES - done}
    assert people.untagged_with_an_attempt(run) == 0
    assert people.database.states().get("skipped") == FILES - done
    assert not people.database.value(
        "SELECT count(*) FROM tag_assignment WHERE document_id NOT IN"
        " (SELECT document_id FROM tagging_run_item WHERE state = 'done')"
    )

    people.post(f"/runs/{run}/resume")
    people.wait_for_run(run)
    assert people.items(run) == {"done": FILES}
    attempts = people.database.value("SELECT count(*) FROM tagging_attempt WHERE run_id = :run", run=run)
    assert attempts == FILES

    people.post(f"/runs/{run}/undo")
    people.wait_for_run(run)
    assert people.items(run) == {"undone": FILES}
    assert people.library() == before


def test_workers_die_in_the_middle_of_a_run_and_all_files_end_once(people: People) -> None:
    before = people.library()
    run = people.start(scope="all")
    for _ in range(2):
        done = people.items(run).get("done", 0)
        people.installation.wait(lambda seen=done: people.items(run).get("done", 0) > seen + 20, "progress")
        people.installation.wait(lambda: len(people.installation.workers()) == 2, "both workers")
        people.installation.workers()[0].kill()
    people.wait_for_run(run)
    assert people.items(run) == {"done": FILES}
    assert not people.database.value(
        "SELECT count(*) FROM tagging_run_item AS item WHERE run_id = :run AND 1 <>"
        " (SELECT count(*) FROM tagging_attempt AS attempt WHERE attempt.document_id = item.document_id"
        "  AND attempt.run_id = :run AND attempt.state <> 'queued')",
        run=run,
    )
    people.post(f"/runs/{run}/undo")
    people.wait_for_run(run)
    assert people.library() == before


def test_the_scheduler_dies_in_the_middle_of_a_run_and_an_undo_leaves_what_people_did_meanwhile(
    people: People,
) -> None:
    documents, tags, _ = people.library()
    assert not tags
    run = people.start(scope="all")
    people.installation.wait(lambda: people.items(run).get("done", 0) > 20, "progress")
    for scheduler in people.installation.processes("autotag scheduler"):
        scheduler.kill()
    people.wait_for_run(run)
    document_id = people.database.value("SELECT min(document_id) FROM tag_assignment")
    name = next(iter(people.database.tags(document_id)))
    people.post(f"/documents/{document_id}/tags", names=f"{name}, mine")
    people.post(f"/runs/{run}/undo")
    people.wait_for_run(run)
    left = people.library()
    assert left[0] == documents
    assert [row[:3] for row in left[1]] == [(document_id, one, "manual") for one in sorted([name, "mine"])]
    people.post(f"/documents/{document_id}/tags/remove", name=name)
    people.post(f"/documents/{document_id}/tags/remove", name="mine")
    people.database.change("DELETE FROM tag")
    people.database.change("DELETE FROM tag_rejection")


def test_a_tag_that_a_person_removed_does_not_return_with_tag_again(
    people: People, make_pictures: Callable[[int], list[bytes]]
) -> None:
    database = people.database
    document_id = people.client.upload("cat.jpg", make_pictures(1)[0])
    people.installation.wait_final([document_id])
    predictions = database.value("SELECT count(*) FROM prediction_set")
    address = f"/documents/{document_id}/tag-again"
    name = next(iter(database.tags(document_id)))
    people.post(f"/documents/{document_id}/tags/remove", name=name)
    people.wait_for_run(people.start(address))
    assert name not in database.tags(document_id)
    people.post(f"/documents/{document_id}/tags", names=name)
    people.wait_for_run(people.start(address))
    people.post(f"/documents/{document_id}/untag")
    assert list(database.tags(document_id)) == [name]
    # What the model said of these bytes is kept, so nothing was asked twice.
    assert database.value("SELECT count(*) FROM prediction_set") == predictions
    # The tests beside this one compare the whole library with what it was; nothing cascades from here.
    for table in (
        "tag_assignment",
        "tag_rejection",
        "tagging_attempt",
        "tagging_run_item",
        "document_version",
    ):
        database.change(f"DELETE FROM {table} WHERE document_id = :id", id=document_id)
    database.change("DELETE FROM document WHERE id = :id", id=document_id)
    database.change("DELETE FROM tag WHERE id NOT IN (SELECT tag_id FROM tag_assignment)")
