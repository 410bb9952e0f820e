"""The blueprint of the API: how requests are read, strictly, and told apart by their content type."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from flask import Request, abort
from flask_smorest import Blueprint
from marshmallow import RAISE, Schema, fields
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy
from werkzeug.datastructures import MultiDict

from autotag.blueprints.access import requires
from autotag.blueprints.errors import INVALID, NO_JSON, Problem
from autotag.models import Role

MULTIPART = "multipart/form-data"
READ_FIRST = ("headers", "query", "json", "multipart")

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call answers when it succeeds. A schema is a class, or what JSON Schema says where bytes are sent."""

    status: int
    schema: type[Schema] | dict[str, Any] | None = None
    content_type: str | None = None
    description: str | None = None
    headers: dict[str, Any] | None = None


class StrictParser(FlaskParser):
    """Reads requests; a body of another kind than the one asked for is a 415, and one that is no JSON a 400."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": RAISE,
        "multipart": RAISE,
    }

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Return the JSON of a body."""
        if not req.get_data():
            raise Problem(422, "invalid_request", "Send a JSON object.", {"json": ["Missing."]})
        if not req.is_json:
            abort(415, "Send JSON: Content-Type: application/json.")
        try:
            return super().load_json(req, schema)
        except (ValueError, RecursionError) as error:
            # Nested too deeply, or a number with thousands of digits.
            raise Problem(400, "malformed_json", NO_JSON) from error

    def load_multipart(self, req: Request, schema: Schema) -> Any:
        """Return the fields and the files of a form."""
        if req.mimetype != MULTIPART:
            abort(415, f"Send a form: Content-Type: {MULTIPART}.")
        sent: MultiDict[str, Any] = MultiDict([*req.form.items(multi=True), *req.files.items(multi=True)])
        return _once(sent, schema, "multipart")

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        """Return the arguments of an address."""
        return _once(req.args, schema, "query")


def _once(sent: MultiDict[str, Any], schema: Schema, location: str) -> MultiDictProxy:
    """Return what was sent. Raises Problem 422 for a second value of what has one: nobody knows which was meant."""
    lists = {name for name, field in schema.fields.items() if isinstance(field, fields.List)}
    twice = [name for name in sent if name not in lists and len(sent.getlist(name)) > 1]
    if twice:
        reasons = {name: ["Sent more than once."] for name in twice}
        raise Problem(422, "invalid_request", INVALID, {location: reasons})
    return MultiDictProxy(sent, schema)


StrictParser.__location_map__ = StrictParser.__location_map__ | {"multipart": "load_multipart"}


class ApiBlueprint(Blueprint):  # type: ignore[misc]  # flask-smorest carries no types
    """A blueprint whose views document themselves."""

    ARGUMENTS_PARSER = StrictParser()
    DEFAULT_LOCATION_CONTENT_TYPE_MAPPING: ClassVar[Mapping[str, str]] = {
        "json": "application/json",
        "multipart": MULTIPART,
    }

    def call(
        self,
        method: str,
        rule: str,
        role: Role,
        answer: Answer,
        *,
        tag: str,
        problems: Sequence[str] = (),
        **takes: type[Schema],
    ) -> Callable[[View], View]:
        """Make a view a call of the API: for whom it is, what it takes, what it answers and how it can fail.

        `takes` names schemas by where they are read from: `headers`, `query`, `json` or `multipart`. The view gets what
        was read in that order, then what the address names. `problems` are codes of `problems.PROBLEMS`.
        """

        def decorate(view: View) -> View:
            wrapped: Any = self.response(
                answer.status,
                answer.schema,
                content_type=answer.content_type,
                description=answer.description,
                headers=answer.headers,
            )(view)
            for location in sorted(takes, key=READ_FIRST.index, reverse=True):
                wrapped = self.arguments(takes[location], location=location)(wrapped)
            wrapped = requires(role)(wrapped)
            wrapped._apidoc["manual_doc"] = {"x-problems": list(problems)}
            self.add_url_rule(rule, view.__name__, wrapped, methods=[method], tags=[tag])
            return view

        return decorate
