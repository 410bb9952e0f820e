"""The OpenAPI document says what is there, and each failure that it names occurs in a test."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autotag.blueprints.access import RULE
from autotag.blueprints.api.problems import PROBLEMS
from autotag.models import VirtualInstance

OPEN = {("/api/v1/openapi.json", "get"), ("/api/v1/docs", "get")}
"""What tells about the API and is open; the test of access lists it."""

METHODS = {"get", "post", "put", "patch", "delete"}
FOLDER = Path(__file__).parent


@pytest.fixture
def document(client: FlaskClient, default_instance: VirtualInstance) -> dict[str, Any]:
    answer = client.get("/api/v1/openapi.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    found: dict[str, Any] = answer.json
    return found


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (path, method): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def test_every_route_is_in_the_document_with_security_and_role(app: Flask, document: dict[str, Any]) -> None:
    described = operations(document)
    routes = {}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/"):
            path = re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", r"{\1}", rule.rule)
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                routes[path, method.lower()] = getattr(app.view_functions[rule.endpoint], RULE)
    assert set(routes) - OPEN == set(described)
    assert len(described) > 50
    for key, operation in described.items():
        assert operation["security"] == [{"token": []}], key
        assert operation["x-role"] == routes[key], key
        assert {"401", "404", "429", "500"} <= set(operation["responses"]), key
        assert operation["summary"], key
    names = [operation["operationId"] for operation in described.values()]
    assert len(names) == len(set(names))


def test_it_is_openapi_3_1_and_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))):
        part: Any = document
        for step in reference.split("/"):
            part = part[step]
        assert part


def test_errors_are_problem_documents_with_codes_of_the_table(document: dict[str, Any]) -> None:
    for key, operation in operations(document).items():
        assert set(operation["x-problems"]) <= set(PROBLEMS), key
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert list(answer["content"]) == ["application/problem+json"], key
                codes = set(re.findall(r"`([a-z_]+)`: ", answer["description"]))
                assert codes, key
                assert {PROBLEMS[code].status for code in codes} == {int(status)}, key


def test_a_choice_offers_what_there_is_now(document: dict[str, Any]) -> None:
    model = document["components"]["schemas"]["TensorflowValues"]["properties"]["model"]
    assert model["type"] == "string"
    assert model["enum"] == []
    assert "x-choices" not in json.dumps(document)


def test_every_failure_of_the_table_occurs_in_a_test_of_this_folder() -> None:
    tested = " ".join(path.read_text() for path in FOLDER.glob("test_*.py"))
    assert [code for code in PROBLEMS if f'"{code}")' not in tested] == []
