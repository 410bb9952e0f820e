"""Tags by the API."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from autotag.models import AssignmentSource, Role, VirtualInstance
from tests.unit.blueprints.api.conftest import Program
from tests.unit.conftest import Factory


@pytest.fixture
def ids(make: Factory, acme: VirtualInstance, editor: Program) -> dict[str, int]:
    """Three tags: sea on two documents, once automatically; sun on one; sky on none."""
    make.instance("globex")
    found = {
        name: editor.answer("POST", "/tags", 201, json={"name": name})["id"] for name in ("sea", "sun", "sky")
    }
    first, second = editor.upload_id(b"1"), editor.upload_id(b"2")
    for document, names in ((first, ["sea", "sun"]), (second, ["sea"])):
        editor.answer("POST", f"/documents/{document}/tags", json={"tags": names})
    return found


def names(editor: Program, query: str = "") -> list[str]:
    return [tag["name"] for tag in editor.answer("GET", f"/tags{query}")["items"]]


def test_the_list_counts_usages_and_is_searched(editor: Program, ids: dict[str, int]) -> None:
    page = editor.answer("GET", "/tags")
    assert page == {
        "items": [
            {"id": ids["sea"], "name": "sea", "documents": 2, "manual": 2, "automatic": 0},
            {"id": ids["sky"], "name": "sky", "documents": 0, "manual": 0, "automatic": 0},
            {"id": ids["sun"], "name": "sun", "documents": 1, "manual": 1, "automatic": 0},
        ],
        "next_cursor": None,
    }
    assert names(editor, "?q=S") == ["sea", "sky", "sun"]
    assert names(editor, "?q=ea") == ["sea"]
    assert names(editor, "?sort=newest") == ["sky", "sun", "sea"]
    assert names(editor, "?sort=most-used")[0] == "sea"


def test_automatic_usages_are_told_apart(editor: Program, make: Factory, acme: VirtualInstance) -> None:
    tag = make.tag(make.document(acme), "cat", source=AssignmentSource.AUTO, confidence=0.9)
    said = editor.answer("GET", f"/tags/{tag.id}")
    assert said == {"id": tag.id, "name": "cat", "documents": 1, "manual": 0, "automatic": 1}


@pytest.mark.parametrize("sort", ["name", "most-used", "newest"])
def test_pages_lead_on(editor: Program, ids: dict[str, int], sort: str) -> None:
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        page = editor.answer("GET", f"/tags?limit=1&sort={sort}{cursor}")
        seen += [tag["name"] for tag in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert (sorted(seen), page["next_cursor"]) == (["sea", "sky", "sun"], None)
    first = editor.answer("GET", f"/tags?limit=1&sort={sort}")["next_cursor"]
    assert editor.refusal("GET", f"/documents?cursor={first}") == (409, "foreign_cursor")


def test_a_tag_is_added_once_whatever_its_case(editor: Program) -> None:
    answer = editor.post("/tags", json={"name": "  Blue   sea "})
    assert answer.json is not None
    assert (answer.status_code, answer.json["name"]) == (201, "Blue sea")
    assert editor.get(answer.headers["Location"].removeprefix("/api/v1")).json == answer.json
    assert editor.refusal("POST", "/tags", json={"name": "blue SEA"}) == (409, "tag_name_taken")


@pytest.mark.parametrize(
    "body",
    [{}, {"name": ""}, {"name": " "}, {"name": "a/b"}, {"name": "x" * 76}, {"name": 1}, {"name": "a\u200bb"}],
)
def test_what_can_be_no_tag_is_refused(editor: Program, body: dict[str, object]) -> None:
    assert editor.refusal("POST", "/tags", json=body) == (422, "invalid_request")


def test_a_renamed_tag_stays_on_its_documents(editor: Program, ids: dict[str, int]) -> None:
    path = f"/tags/{ids['sea']}"
    said = editor.answer("PATCH", path, json={"name": "Ocean"})
    assert (said["name"], said["documents"]) == ("Ocean", 2)
    assert editor.refusal("PATCH", path, json={"name": "sun"}) == (409, "tag_name_taken")


def test_a_deleted_tag_is_gone_from_its_documents(editor: Program, ids: dict[str, int]) -> None:
    path = f"/tags/{ids['sea']}"
    assert editor.call("DELETE", path).status_code == 204
    for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"name": "x"})):
        assert editor.refusal(method, path, **({"json": body} if body else {})) == (404, "tag_not_found")
    assert editor.answer("GET", "/documents?tag=sea")["items"] == []


@pytest.mark.parametrize("number", [0, 2**31, 2**63, 10**30])
def test_a_number_that_no_row_can_have_is_not_found(editor: Program, number: int) -> None:
    for path, code in (("/tags", "tag_not_found"), ("/documents", "document_not_found")):
        for method in ("GET", "PATCH", "DELETE"):
            body = {"json": {"name": "x"} if path == "/tags" else {}}
            assert editor.refusal(method, f"{path}/{number}", **body) == (404, code)
    assert editor.refusal("GET", f"/runs/{number}") == (404, "run_not_found")


def test_merging_leaves_one_tag(editor: Program, ids: dict[str, int]) -> None:
    merge = {"source_ids": [ids["sea"], ids["sky"]], "target_id": ids["sun"]}
    answer = editor.post("/tags/merge", json=merge)
    assert answer.status_code == 202
    said = answer.json
    assert said is not None
    assert (said["kind"], said["state"], said["done"], said["can_undo"]) == (
        "merge_tags",
        "finished",
        2,
        False,
    )
    assert said["result"] == {
        "message": "sea, sky merged into sun: 2 files changed.",
        "documents": 2,
        "tag_id": ids["sun"],
    }
    assert editor.answer("GET", answer.headers["Location"].removeprefix("/api/v1")) == said
    assert editor.answer("GET", f"/tags/{ids['sun']}")["documents"] == 2
    assert names(editor) == ["sun"]
    assert editor.refusal("POST", "/tags/merge", json=merge) == (409, "nothing_to_merge")
    gone = merge | {"target_id": ids["sea"]}
    assert editor.refusal("POST", "/tags/merge", json=gone) == (404, "tag_not_found")


@pytest.mark.parametrize(
    "change", [{"source_ids": []}, {"source_ids": ["1"]}, {"target_id": 0}, {"source_ids": None}]
)
def test_a_merge_names_its_tags(editor: Program, ids: dict[str, int], change: dict[str, object]) -> None:
    merge = {"source_ids": [ids["sea"]], "target_id": ids["sun"]} | change
    assert editor.refusal("POST", "/tags/merge", json=merge) == (422, "invalid_request")


def test_a_viewer_reads_tags_alone(
    editor: Program, program: Callable[..., Program], acme: VirtualInstance, ids: dict[str, int]
) -> None:
    viewer = program(acme, Role.VIEWER)
    assert len(names(viewer)) == 3
    forbidden = (403, "forbidden")
    assert viewer.refusal("POST", "/tags", json={"name": "x"}) == forbidden
    assert viewer.refusal("DELETE", f"/tags/{ids['sea']}") == forbidden
