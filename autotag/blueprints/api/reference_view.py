"""The OpenAPI document as the reference page shows it: sections of calls, with what each takes and answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")
DEEPEST = 4
"""How far inside an answer its fields are listed."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """Something a call takes or answers: `place` is where it stands, `kind` what it may be, in words."""

    name: str
    place: str
    kind: str
    text: str
    is_required: bool


@dataclass(frozen=True, slots=True)
class Response:
    """An answer by its status."""

    status: str
    text: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One call."""

    anchor: str
    method: str
    path: str
    summary: str
    text: str
    role: str
    parameters: tuple[Parameter, ...]
    answered: tuple[Parameter, ...]
    responses: tuple[Response, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """The calls about one thing."""

    title: str
    text: str
    operations: tuple[Operation, ...]


def sections(document: Document) -> list[Section]:
    """Return the calls of a document by what they are about."""
    operations = [
        (operation["tags"][0], _operation(document, path, method, operation, item.get("parameters", ())))
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]
    return [
        Section(
            tag["name"], tag["description"], tuple(one for name, one in operations if name == tag["name"])
        )
        for tag in document["tags"]
    ]


def _operation(
    document: Document, path: str, method: str, operation: Document, named: Sequence[Document]
) -> Operation:
    responses = tuple(
        Response(str(status), answer["description"])
        for status, answer in sorted(operation["responses"].items(), key=lambda item: str(item[0]))
    )
    return Operation(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        text=operation.get("description", ""),
        role=operation["x-role"],
        parameters=tuple(_parameters(document, operation, named)),
        answered=tuple(_answered(document, operation)),
        responses=responses,
    )


def _parameters(document: Document, operation: Document, named: Sequence[Document]) -> Iterator[Parameter]:
    for one in (*named, *operation.get("parameters", ())):
        schema = one.get("schema", {})
        place = {"path": "address", "header": "header"}.get(one["in"], "query")
        text = one.get("description", "") or schema.get("description", "")
        yield Parameter(one["name"], place, _kind(document, schema), text, one.get("required", False))
    for content_type, body in operation.get("requestBody", {}).get("content", {}).items():
        place = "JSON" if content_type == "application/json" else "form"
        yield from _fields(document, body["schema"], place)


def _answered(document: Document, operation: Document) -> Iterator[Parameter]:
    for status, answer in operation["responses"].items():
        body = answer.get("content", {}).get("application/json")
        if str(status).startswith("2") and body:
            yield from _fields(document, body["schema"], "")


def _fields(
    document: Document, schema: Document, place: str, prefix: str = "", depth: int = 0
) -> Iterator[Parameter]:
    """List the fields of an object, those of objects inside it after it."""
    found = _resolved(document, schema)
    if "items" in found:
        found = _resolved(document, found["items"])
    seen = set()
    for one in found.get("oneOf", (found,)):
        for name, field in one.get("properties", {}).items():
            if name in seen:
                continue
            seen.add(name)
            text = field.get("description", "") or _resolved(document, field).get("description", "")
            required = all(name in each.get("required", ()) for each in found.get("oneOf", (found,)))
            kind = _scopes(found) if "const" in field else _kind(document, field)
            yield Parameter(prefix + name, place, kind, text, required)
            if depth < DEEPEST:
                yield from _fields(document, field, place, f"{prefix}{name}.", depth + 1)


def _scopes(schema: Document) -> str:
    values = [one["properties"]["scope"]["const"] for one in schema["oneOf"]]
    return "one of " + ", ".join(values)


def _kind(document: Document, schema: Document) -> str:
    """Say in words what a value may be."""
    found = _resolved(document, schema)
    if "enum" in found:
        return "one of " + ", ".join(map(str, found["enum"])) if found["enum"] else "text"
    kinds = found.get("type", "object")
    names = [kinds] if isinstance(kinds, str) else list(kinds)
    words = [_word(document, name, found) for name in names if name != "null"]
    text = " or ".join(words) + _range(found)
    return f"{text}, or null" if "null" in names else text


def _word(document: Document, name: str, schema: Document) -> str:
    if name == "array":
        return f"list of {_kind(document, schema['items'])}"
    if name == "string":
        return {"binary": "file", "date-time": "date and time"}.get(schema.get("format", ""), "text")
    return {"integer": "whole number", "boolean": "true or false"}.get(name, name)


def _range(schema: Document) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if most is not None and least is not None:
        return f", {least} to {most}"
    if schema.get("maxLength") is not None:
        return f", at most {schema['maxLength']} characters"
    return ""


def _resolved(document: Document, schema: Document) -> Document:
    """Follow references; what stands beside one counts as well."""
    while "$ref" in schema or "allOf" in schema:
        inner = schema["allOf"][0] if "allOf" in schema else schema
        name = inner["$ref"].rpartition("/")[2]
        beside = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
        schema = {**document["components"]["schemas"][name], **beside}
    return schema
