"""The page that shows the API."""

from __future__ import annotations

from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient

from autotag.blueprints.api.reference_view import sections
from autotag.models import VirtualInstance


@pytest.fixture
def page(client: FlaskClient, default_instance: VirtualInstance) -> BeautifulSoup:
    answer = client.get("/api/v1/docs")
    assert answer.status_code == 200
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    return BeautifulSoup(answer.text, "html.parser")


def operations_of(document: Any) -> list[Any]:
    return [one for item in document["paths"].values() for key, one in item.items() if key != "parameters"]


def test_it_shows_every_call_and_loads_nothing_from_elsewhere(
    client: FlaskClient, page: BeautifulSoup
) -> None:
    document = client.get("/api/v1/openapi.json").json
    assert document is not None
    operations = operations_of(document)
    assert {call["id"] for call in page.select("details.api-call")} == {
        one["operationId"] for one in operations
    }
    loaded = [tag.get("src") or tag.get("href") for tag in page.find_all(["script", "link", "img"])]
    assert loaded
    assert all(address.startswith("/") and not address.startswith("//") for address in loaded)


def test_a_call_says_what_it_takes_and_answers(page: BeautifulSoup) -> None:
    upload = " ".join(page.find(id="upload_document").get_text(" ").split())
    assert "POST /api/v1/documents Upload a file" in upload
    assert "Role: editor" in upload
    assert "file file, form, required" in upload
    assert "folder_id whole number, 1 to 2147483647, or null, form" in upload
    assert "tags.confidence number, 0 to 1, or null" in upload
    assert "413 file_too_large: The file is larger than the instance allows." in upload
    run = " ".join(page.find(id="start_new_run").get_text(" ").split())
    assert "scope one of untagged, all, folder, selection, JSON, required" in run
    assert "document_ids list of whole number, 1 to 2147483647, JSON" in run


def test_sections_hold_all_calls_once(client: FlaskClient, default_instance: VirtualInstance) -> None:
    document = client.get("/api/v1/openapi.json").json
    assert document is not None
    shown = sections(document)
    assert [section.title for section in shown] == [
        "Documents",
        "Tags",
        "Bulk actions",
        "Runs",
        "Configuration",
    ]
    assert sum(len(section.operations) for section in shown) == len(operations_of(document))
