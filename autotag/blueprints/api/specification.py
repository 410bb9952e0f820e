"""The OpenAPI 3.1 document, made from the views when it is first asked for: making it takes longer than starting."""

import re
from copy import deepcopy
from typing import Any

from flask import Flask, current_app
from flask_smorest import Api

from autotag import __version__
from autotag.blueprints.access import RULE
from autotag.blueprints.api import blueprint
from autotag.blueprints.api.configuration_schemas import OFFERED
from autotag.blueprints.api.problems import ALWAYS, PROBLEMS, WITH_JSON
from autotag.blueprints.api.run_schemas import run_start_document
from autotag.blueprints.control_panel.settings import choices
from autotag.models import Role

KEPT = "autotag_api_document"
METHODS = frozenset({"get", "post", "put", "patch", "delete"})
PROBLEM_TYPE = "application/problem+json"
DESCRIPTION = (
    "Every call carries `Authorization: Bearer TOKEN` and goes to the host of the virtual instance. Make a token "
    "on the page *API tokens* of your account, or with `autotag tokens create`. Errors are problem documents "
    "(RFC 9457) with a stable `code`."
)
SECURITY = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token of the instance whose host is called.",
}
TAGS = (
    ("Documents", "Files and their tags."),
    ("Tags", "The tags of the virtual instance."),
    ("Bulk actions", "What is done to many documents in the background: progress, result, undo."),
    ("Runs", "Tagging many documents, with progress."),
    ("Configuration", "The settings of System Settings and Instance Settings."),
)
PROBLEM = {
    "type": "object",
    "description": "What went wrong. Programs go by `code`, people by `detail`.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {
            "type": "object",
            "description": "Reasons, by the place and the field that they are about.",
        },
    },
}


class SpecifiedApi(Api):  # type: ignore[misc]  # flask-smorest carries no types
    """Only writes the document: errors are handled in one place of ours, and pages are ours."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        """Leave errors to `autotag.blueprints.errors`."""


def openapi_document() -> dict[str, Any]:
    """Return the document of this installation."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # the proxy's own way
    if KEPT not in app.extensions:
        app.extensions[KEPT] = _build(app)
    document: dict[str, Any] = deepcopy(app.extensions[KEPT])
    offered = choices()
    for schema in document["components"]["schemas"].values():
        for value in schema.get("properties", {}).values():
            if OFFERED in value:
                value["enum"] = [choice for choice, _ in offered.get(value.pop(OFFERED), ())]
    return document


def _build(app: Flask) -> dict[str, Any]:
    info = {"description": DESCRIPTION, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}}
    kwargs = {"title": "Autotag", "version": __version__, "openapi_version": "3.1.0", "info": info}
    api = SpecifiedApi(app, spec_kwargs=kwargs)
    blueprint.register_views_in_doc(api, app, api.spec, name=blueprint.name, parameters=None)
    document: dict[str, Any] = api.spec.to_dict()
    document["servers"] = [{"url": "/", "description": "The host of the virtual instance."}]
    document["security"] = [{"token": []}]
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS]
    components = document.setdefault("components", {})
    components["securitySchemes"] = {"token": SECURITY}
    components.pop("responses", None)
    schemas = components.setdefault("schemas", {})
    for unused in ("Error", "PaginationMetadata"):
        schemas.pop(unused, None)
    schemas["Problem"] = PROBLEM
    schemas["RunStart"] = run_start_document()
    _type_choices(document)
    roles = _roles(app)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                _complete(operation, path, roles[operation_key(path, method)])
    return document


def operation_key(path: str, method: str) -> tuple[str, str]:
    """Return what tells an operation from others: its path without the names of the variables, and its method."""
    return re.sub(r"\{[^{}]*\}|<[^<>]*>", "*", path), method.lower()


def _type_choices(part: Any) -> None:
    """Say of every choice that it is text, which the members of our enumerations are."""
    if isinstance(part, dict):
        if isinstance(part.get("enum"), list):
            part.setdefault("type", "string")
        for inner in part.values():
            _type_choices(inner)
    elif isinstance(part, list):
        for inner in part:
            _type_choices(inner)


def _roles(app: Flask) -> dict[tuple[str, str], tuple[str, Role]]:
    found = {}
    for rule in app.url_map.iter_rules():
        name = rule.endpoint.partition(".")
        if name[0] == blueprint.name:
            role = Role(getattr(app.view_functions[rule.endpoint], RULE))
            for method in rule.methods or ():
                found[operation_key(rule.rule, method)] = (name[2], role)
    return found


def _complete(operation: dict[str, Any], path: str, named: tuple[str, Role]) -> None:
    """Add what all operations have: a name, security, the role that they ask for, and their errors."""
    name, role = named
    operation["operationId"] = name
    operation["security"] = [{"token": []}]
    operation["x-role"] = role.value
    codes = [*ALWAYS, *operation.pop("x-problems", [])]
    body = operation.get("requestBody")
    if body is not None:
        body["required"] = True
        is_json = "application/json" in body["content"]
        codes += WITH_JSON if is_json else WITH_JSON[1:]
    if any(parameter.get("in") != "path" for parameter in operation.get("parameters", ())):
        codes.append("invalid_request")
    if role is not Role.VIEWER:
        codes.append("forbidden")
    if "{" in path:
        codes.append("not_found")
    responses = {status: answer for status, answer in operation["responses"].items() if str(status) < "300"}
    for status in sorted({PROBLEMS[code].status for code in codes}):
        responses[str(status)] = _problem_response(status, codes)
    operation["responses"] = responses
    operation["x-problems"] = sorted(set(codes))


def _problem_response(status: int, codes: list[str]) -> dict[str, Any]:
    of_status = sorted({code for code in codes if PROBLEMS[code].status == status})
    text = " ".join(f"`{code}`: {PROBLEMS[code].when}" for code in of_status)
    answer: dict[str, Any] = {
        "description": text,
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in (429, 503):
        seconds = {"type": "string", "pattern": "^[0-9]+$"}
        answer["headers"] = {"Retry-After": {"description": "Seconds.", "schema": seconds}}
    return answer
