"""The one road through: files go up on the page and come back tagged."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.conftest import Client, Installation, Photograph


@dataclass(frozen=True, slots=True)
class Tagged:
    """Photographs that were uploaded and have come to their final state, by document id."""

    installation: Installation
    client: Client
    documents: dict[int, Photograph]
    contents: dict[int, bytes]


@pytest.fixture(scope="module")
def tagged(installation: Installation, photographs: list[Photograph]) -> Tagged:
    client = installation.client()
    documents: dict[int, Photograph] = {}
    contents: dict[int, bytes] = {}
    for item in photographs * 4:
        content = item.fresh()
        document_id = client.upload(item.path.name, content)
        documents[document_id], contents[document_id] = item, content
    installation.wait_final(documents)
    return Tagged(installation, client, documents, contents)


def test_every_photograph_reaches_a_state_that_says_it_was_looked_at(tagged: Tagged) -> None:
    states = tagged.installation.database.states(tagged.documents)
    assert set(states) <= {"tagged", "no_tags"}
    assert sum(states.values()) == len(tagged.documents) == 12


def test_each_photograph_gets_its_label_first_and_its_page_says_so(tagged: Tagged) -> None:
    for document_id, photograph in tagged.documents.items():
        assert next(iter(tagged.installation.database.tags(document_id))) == photograph.label
        page = tagged.client.get(f"/documents/{document_id}").text
        assert photograph.label in page
        assert "automatic, TensorFlow" in page


def test_each_attempt_is_recorded_once(tagged: Tagged) -> None:
    tagged.installation.assert_tagged_once(tagged.documents)


def test_assignments_carry_provider_model_confidence_and_attempt(tagged: Tagged) -> None:
    rows = tagged.installation.database.rows(
        "SELECT a.*, t.document_id AS attempted FROM tag_assignment a"
        " LEFT JOIN tagging_attempt t ON t.id = a.attempt_id WHERE a.document_id IN :ids",
        ids=list(tagged.documents),
    )
    assert len(rows) >= len(tagged.documents)
    for row in rows:
        assert (row["source"], row["provider"], row["model"]) == ("auto", "tensorflow", "efficientnet-lite0")
        assert 0.1 <= row["confidence"] <= 1
        assert row["attempted"] == row["document_id"]


def test_twenty_predictions_of_each_content_are_kept_highest_first(tagged: Tagged) -> None:
    hashes = sorted(hashlib.sha256(content).hexdigest() for content in tagged.contents.values())
    rows = tagged.installation.database.rows(
        "SELECT * FROM prediction_set WHERE sha256 IN :hashes ORDER BY sha256", hashes=hashes
    )
    assert [row["sha256"] for row in rows] == hashes
    for row in rows:
        predictions = json.loads(row["predictions"])
        scores = [score for _, score in predictions]
        assert len(predictions) == 20
        assert scores == sorted(scores, reverse=True)
        assert len(row["model_version"]) == 64
        assert row["runtime"]


def test_a_document_knows_the_size_of_its_picture(tagged: Tagged) -> None:
    for key, item in tagged.documents.items():
        row = tagged.installation.database.document(key)
        with Image.open(item.path) as image:
            assert (row["width"], row["height"]) == image.size


@pytest.mark.parametrize(("picture", "longest_side"), [("thumbnail", 360), ("preview", 1600)])
def test_pictures_are_jpegs_that_browsers_may_keep(tagged: Tagged, picture: str, longest_side: int) -> None:
    for key in list(tagged.documents)[:12]:
        answer = tagged.client.get(f"/documents/{key}/{picture}")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert "private" in answer.headers["Cache-Control"]
        assert "max-age=31536000" in answer.headers["Cache-Control"]
        with Image.open(io.BytesIO(answer.content)) as image:
            assert image.format == "JPEG"
            assert max(image.size) <= longest_side


def test_the_page_names_its_pictures_by_content_so_that_keeping_them_is_right(tagged: Tagged) -> None:
    key, content = next(iter(tagged.contents.items()))
    assert hashlib.sha256(content).hexdigest()[:16] in tagged.client.get(f"/documents/{key}").text


def test_a_download_is_the_file_byte_for_byte(tagged: Tagged) -> None:
    for key, content in tagged.contents.items():
        answer = tagged.client.get(f"/documents/{key}/content")
        assert answer.content == content
        assert "attachment" in answer.headers["Content-Disposition"]


def test_the_grid_counts_what_the_database_holds(tagged: Tagged) -> None:
    number = tagged.installation.database.value("SELECT count(*) FROM document WHERE deleted_at IS NULL")
    page = tagged.client.get("/documents").text
    assert re.search(r'data-document-count="(\d+)"', page)[1] == str(number)  # type: ignore[index]


def test_the_cards_of_finished_documents_are_not_waited_for(tagged: Tagged) -> None:
    keys = list(tagged.documents)[:5]
    query = "&".join(f"id={key}" for key in keys)
    answer = tagged.client.get(f"/documents/cards?{query}", headers={"Accept": "application/json"}).json()
    assert answer["pending"] == []
    assert set(answer["cards"]) == {str(key) for key in keys}


def test_pictures_made_by_the_test_travel_the_same_road(
    installation: Installation, make_pictures: Callable[[int], list[bytes]]
) -> None:
    client = installation.client()
    ids = [client.upload(f"drawing-{index}.jpg", content) for index, content in enumerate(make_pictures(4))]
    installation.wait_final(ids)
    assert set(installation.database.states(ids)) <= {"tagged", "no_tags"}
    assert all(client.get(f"/documents/{key}/thumbnail").status_code == 200 for key in ids)


def test_a_folder_that_is_imported_travels_it_too_and_its_metrics_say_so(
    installation: Installation, make_pictures: Callable[[int], list[bytes]], tmp_path: Path
) -> None:
    for index, content in enumerate(make_pictures(3)):
        (tmp_path / f"imported-{index}.jpg").write_bytes(content)
    first = installation.run("assets", "import", str(tmp_path), "--instance", "default", "--wait", "--json")
    assert (first.returncode, first.stderr) == (0, "")
    answer = json.loads(first.stdout)
    assert answer["imported"] == 3
    ids = [file["document"] for file in answer["files"]]
    assert set(installation.database.states(ids)) <= {"tagged", "no_tags"}
    again = installation.run("assets", "import", str(tmp_path), "--instance", "default")
    assert again.stdout == "0 files imported, 3 already there, 0 refused.\n"
    some = [argument for document_id in ids for argument in ("--document", str(document_id))]
    done = installation.run("assets", "retag", "--instance", "default", *some, "--wait", "--json")
    run = json.loads(done.stdout)
    assert (run["state"], run["left"]) == ("finished", 0)

    def counted() -> bool:
        found = re.search(r'autotag_images_total{instance="default",state="\w+"} (\d+)', read())
        return found is not None and int(found[1]) > 0

    def read() -> str:
        return installation.client().get("/metrics").text

    installation.wait(counted, "the count of what was tagged")
    assert "autotag_workers_alive 1.0" in read() or "autotag_workers_alive 2.0" in read()


def test_the_same_bytes_twice_are_two_documents_and_one_stored_file(
    installation: Installation, make_pictures: Callable[[int], list[bytes]]
) -> None:
    client = installation.client()
    (content,) = make_pictures(1)
    ids = [client.upload(name, content) for name in ("one.jpg", "two.jpg")]
    installation.wait_final(ids)
    digest = hashlib.sha256(content).hexdigest()
    stored = list((installation.instance_path / "files").rglob(digest))
    first, second = (installation.database.tags(key) for key in ids)
    assert len(set(ids)) == 2
    assert len(stored) == 1
    assert first == second
    sets = installation.database.value("SELECT count(*) FROM prediction_set WHERE sha256 = :it", it=digest)
    assert sets == 1


def test_a_file_that_is_no_image_is_kept_and_says_why_it_has_no_tags(installation: Installation) -> None:
    client = installation.client()
    document_id = client.upload("notes.txt", b"Remember the milk.\n")
    installation.wait_final([document_id])
    row = installation.database.document(document_id)
    assert (row["tagging_state"], row["tagging_reason_code"]) == ("skipped", "type_not_taken")
    assert client.get(f"/documents/{document_id}/content").content == b"Remember the milk.\n"
    assert row["tagging_reason"] in client.get(f"/documents/{document_id}").text


def test_a_stranger_is_sent_to_sign_in_and_sees_no_file(installation: Installation) -> None:
    stranger = installation.new_client()
    for path in ("/documents", "/documents/1", "/documents/1/content", "/documents/1/thumbnail"):
        answer = stranger.get(path, allow_redirects=False)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, "/sign-in")
    assert stranger.get("/documents", headers={"Accept": "application/json"}).status_code == 401


def test_an_upload_without_its_csrf_token_is_refused(installation: Installation) -> None:
    before = installation.database.value("SELECT count(*) FROM document")
    answer = installation.client().post(
        "/documents", files={"file": ("a.txt", b"a")}, headers={"Accept": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "csrf")
    assert installation.database.value("SELECT count(*) FROM document") == before
