"""Odd values for every parameter of every route, generated from the table of routes: none is a fault of the server.

Which parameters a page reads is recorded while it answers, so a new page and a new parameter are tried as well.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

import pytest
from flask import Flask, Request
from flask.testing import FlaskClient
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from autotag.models import Role, User, VirtualInstance
from tests.unit.blueprints.api.conftest import PREFIX, Program, program
from tests.unit.conftest import Factory
from tests.unit.web.test_tenant_wall import Theirs, acme, theirs

__all__ = ["acme", "program", "theirs"]

SignIn = Callable[[FlaskClient, User, str], None]
Value = TypeVar("Value")

ROWS = {
    "document_id": "document",
    "tag_id": "tag",
    "run_id": "run",
    "action_id": "action",
    "folder_id": "folder",
    "token_id": "token",
    "session_id": "session",
    "webhook_id": "webhook",
    "delivery_id": "delivery",
    "user_id": "person",
    "deleted_id": "deleted",
    "instance_id": "instance",
}
MANY_DIGITS = "9" * 10_000
TEXTS = [
    b"",
    MANY_DIGITS.encode(),
    b"-" + MANY_DIGITS.encode(),
    b"-1",
    b"2147483648",
    b"99999999999999999999",
    b"1e999",
    b"NaN",
    "²".encode(),
    "٣".encode(),
    b"a\0b",
    b"\xff\xfe\x80",
    b"\xed\xa0\x80",
    b"[" * 10_000,
    b"x" * 20_000,
    b"2026-13-45",
]
"""What a parameter may be that is none: no number, too large a one, NUL, no UTF-8, half a character."""
VALUES = [
    MANY_DIGITS,
    -1,
    2**31,
    2**63,
    2**70,
    1.5,
    1e308,
    True,
    None,
    "",
    "a\0b",
    "\ud800",
    "x" * 20_000,
    [],
    [[]],
    {},
    [None],
    ["\ud800"],
    [2**70],
]
"""The same for JSON."""
BODIES = [
    b"",
    b"null",
    b"[]",
    b"1",
    b'"text"',
    b"[1]",
    b"{",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"name": NaN, "names": Infinity, "title": -Infinity}',
    b'{"title": ' + b"9" * 5000 + b"}",
    b"\xff\xfe",
    b"\xed\xa0\x80",
]


EVERY = "HOSTILE_EXAMPLES" in os.environ
"""Whether each place is tried with every value (`make hostile`), or with a few in turn."""
_turns = count()


def some(values: Sequence[Value], number: int) -> list[Value]:
    """The next values in turn, or all of them."""
    if EVERY or number >= len(values):
        return list(values)
    first = next(_turns) * number
    return [values[(first + index) % len(values)] for index in range(number)]


class Recorded(ImmutableMultiDict[str, Any]):
    """Arguments that note which of them are looked for."""

    looked_for: ClassVar[set[str]] = set()

    def __getitem__(self, key: str) -> Any:
        type(self).looked_for.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        type(self).looked_for.add(str(key))
        return super().__contains__(key)

    def get(self, key: str, *arguments: Any, **options: Any) -> Any:
        type(self).looked_for.add(key)
        return super().get(key, *arguments, **options)

    def getlist(self, key: str, *arguments: Any, **options: Any) -> list[Any]:
        type(self).looked_for.add(key)
        return super().getlist(key, *arguments, **options)


class RecordedRequest(Request):
    """A request that notes which arguments are looked for."""

    parameter_storage_class = Recorded


class Caller:
    """Somebody who is signed in, and stays so."""

    def __init__(self, app: Flask, user: User, host: str, sign_in: SignIn) -> None:
        self._app, self._user, self._host, self._sign_in = app, user, host, sign_in
        self._renew()

    def _renew(self) -> None:
        self.client = self._app.test_client()
        self._sign_in(self.client, self._user, self._host)

    def ask(self, method: str, path: str, **options: Any) -> TestResponse:
        options.setdefault("base_url", f"http://{self._host}/")
        for _ in range(2):
            answer = self.client.open(path, method=method, buffered=True, **options)
            if "/sign-in" not in (answer.location or ""):
                break
            self._renew()
        return answer


@pytest.fixture
def recorded(app: Flask) -> Iterator[Flask]:
    former, app.request_class = app.request_class, RecordedRequest
    app.config.update(WTF_CSRF_ENABLED=False, RATELIMIT_ENABLED=False)
    from autotag.extensions import limiter

    limiter.enabled = False
    yield app
    limiter.enabled = True
    app.request_class = former
    app.config.update(WTF_CSRF_ENABLED=True)


def address(rule: Rule, ids: dict[str, int]) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1].rpartition(":")[2]
        return str(ids[ROWS[name]]) if name in ROWS else "1" if "int" in found[1] else "x"

    return re.sub(r"<([^>]+)>", value, rule.rule)


def methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})


def form_of(names: set[str], odd: str, value: bytes) -> bytes:
    pairs = [(name, b"1") for name in names if name != odd] + [(odd, value), (odd, b"1"), (odd, value)]
    return b"&".join(quote(name).encode() + b"=" + quote(text).encode() for name, text in pairs)


def parts_of(names: set[str], odd: str) -> bytes:
    """A multipart form in which one field is a file."""
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n1\r\n'.encode()
        for name in names - {odd}
    ]
    head = f'--x\r\nContent-Disposition: form-data; name="{odd}"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    return b"".join(parts) + head.encode() + b"content\r\n--x--\r\n"


def parameters(caller: Caller, method: str, path: str) -> set[str]:
    """The names that a page looks for, also those that it looks for only when others are there."""
    names: set[str] = set()
    for _ in range(2):
        Recorded.looked_for = set()
        data = form_of(names, "csrf_token", b"1")
        caller.ask(
            method, path, query_string=data.decode(), data=data if method == "POST" else None, headers=FORM
        )
        names |= Recorded.looked_for - {"csrf_token"}
    return names


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}


def odd_requests(method: str, names: set[str]) -> Iterator[dict[str, Any]]:
    for name in sorted(names):
        for value in some(TEXTS, 3):
            sent = form_of(names, name, value)
            yield {"query_string": sent.decode()[:60_000]}
            if method == "POST":
                yield {"data": sent, "headers": FORM}
        if method == "POST":
            yield {"data": parts_of(names, name), "headers": MULTIPART}
    for body in some(BODIES, 3):
        yield {"data": body, "headers": {"Content-Type": "application/json"}}
    if method == "POST":
        for kind in (
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "text/plain",
            "\u00ff",
            "a" * 2000,
        ):
            yield {"data": b"--x\r\n", "headers": {"Content-Type": kind}}


@pytest.fixture
def callers(
    recorded: Flask, make: Factory, sign_in: SignIn, default_instance: VirtualInstance, theirs: Theirs
) -> Callable[[Rule], Caller]:
    """Who may call a route: the administrator of the instance that owns the rows, or of the installation."""
    own = Caller(recorded, make.user(theirs.instance, Role.ADMINISTRATOR), "globex.localhost", sign_in)
    system = Caller(recorded, make.user(default_instance, Role.SYSTEM_ADMINISTRATOR), "localhost", sign_in)
    return lambda rule: system if rule.endpoint.startswith(("system_settings.", "instances.")) else own


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_value_of_any_parameter_is_a_fault_of_the_server(
    recorded: Flask, callers: Callable[[Rule], Caller], theirs: Theirs, method: str
) -> None:
    rules = [
        rule
        for rule in recorded.url_map.iter_rules()
        if method in methods(rule) and not rule.endpoint.startswith(("api.", "static", "bootstrap"))
    ]
    assert len(rules) > 40
    faults, tried = [], 0
    # What deletes and ends comes last, so that the others find their rows.
    for rule in sorted(
        rules, key=lambda rule: (bool(re.search("delete|purge|end|out", rule.rule)), rule.rule)
    ):
        path, caller = address(rule, theirs.ids), callers(rule)
        for options in odd_requests(method, parameters(caller, method, path)):
            tried += 1
            answer = caller.ask(method, path, **options)
            if answer.status_code == 500:
                faults.append((rule.rule, str(options)[:200]))
                break
    assert faults == []
    assert tried > (2000 if EVERY else 500)


def test_no_value_in_an_address_is_a_fault_of_the_server(
    recorded: Flask, callers: Callable[[Rule], Caller]
) -> None:
    odd = [
        MANY_DIGITS,
        "-1",
        "2147483648",
        "0",
        "%00",
        "%ff%fe",
        "%ed%a0%80",
        "x" * 5000,
        "%2e%2e",
        "%C2%B2",
        "NaN",
    ]
    faults = []
    for rule in recorded.url_map.iter_rules():
        if not rule.arguments:
            continue
        for value in odd:
            path = value.join(re.split(r"<[^>]+>", rule.rule))
            for method in methods(rule):
                answer = callers(rule).ask(method, path)
                if answer.status_code == 500:
                    faults.append((rule.rule, value[:20]))
    assert faults == []


LONG = [
    "?key=",
    "a\u0301\u0323",
    "\u0301\u0323",
    "9",
    " ",
    "[",
    "a,",
    "/",
    "&amp;",
    "\0",
    "x@",
    "-.",
    "\u0f73",
    "ß",
]
"""What long texts are made of: repeated words, marks without letters, digits, separators."""
LARGEST_BYTES = 480_000
"""What Flask reads of a form's fields is 500,000 bytes."""
LONGEST_QUERY = 8_000
"""The server takes no longer line."""


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_long_value_keeps_other_callers_waiting(
    recorded: Flask, callers: Callable[[Rule], Caller], theirs: Theirs, method: str
) -> None:
    """Processor time is measured: while it is used in one call of C, no other thread gets on."""
    slow = []
    for rule in recorded.url_map.iter_rules():
        if method not in methods(rule) or rule.endpoint.startswith(("api.", "static", "bootstrap")):
            continue
        path, caller = address(rule, theirs.ids), callers(rule)
        names = parameters(caller, method, path)
        for name in sorted(names) or [""]:
            for unit in some(LONG, 2):
                most = LARGEST_BYTES if method == "POST" else LONGEST_QUERY
                sent = form_of(names, name, b"1").rpartition(b"&")[0] + b"&" + quote(name).encode() + b"="
                text = quote(unit, safe="?=[],/@-. ").replace(" ", "+").replace("&", "%26")
                sent += text.encode() * ((most - len(sent)) // len(text))
                options: dict[str, Any] = (
                    {"data": sent, "headers": FORM} if method == "POST" else {"query_string": sent.decode()}
                )
                began = time.thread_time()
                status = caller.ask(method, path, **options).status_code
                taken = time.thread_time() - began
                if taken > 1 or status == 500:
                    slow.append((rule.rule, name, unit, status, round(taken, 2)))
    assert slow == []


def test_no_long_json_keeps_other_callers_waiting(
    recorded: Flask, theirs: Theirs, program: Callable[..., Program], default_instance: VirtualInstance
) -> None:
    client = program(theirs.instance, Role.ADMINISTRATOR)
    document = client.get("/openapi.json").json
    assert document is not None
    slow = []
    for pattern, calls in document["paths"].items():
        path = re.sub(r"\{(\w+)\}", lambda found: str(theirs.ids.get(ROWS.get(found[1], ""), "x")), pattern)
        for method, call in calls.items():
            body = {} if method == "parameters" else call.get("requestBody", {})
            described = body.get("content", {}).get("application/json")
            if described is None:
                continue
            for name in resolved(document, described["schema"]).get("properties", {}):
                for unit in some(LONG, 2):
                    many = unit * (LARGEST_BYTES // len(unit.encode()))
                    for value in (many, [many], [unit] * 100_000):
                        sent = json.dumps({name: value}, ensure_ascii=False)
                        began = time.thread_time()
                        answer = client.call(
                            method.upper(),
                            path.removeprefix(PREFIX),
                            data=sent.encode(),
                            headers={"Content-Type": "application/json"},
                        )
                        taken = time.thread_time() - began
                        if taken > 1 or answer.status_code == 500:
                            slow.append((method, path, name, unit, answer.status_code, round(taken, 2)))
    assert slow == []


def test_a_long_file_name_path_or_header_keeps_nobody_waiting(
    recorded: Flask, callers: Callable[[Rule], Caller], theirs: Theirs
) -> None:
    caller = callers(next(recorded.url_map.iter_rules()))
    slow = []
    for unit in LONG:
        name = unit * (LARGEST_BYTES // len(unit.encode()))
        head = b'Content-Disposition: form-data; name="file"; filename="' + name.encode() + b'"\r\n'
        upload = b"--x\r\n" + head + b"Content-Type: image/png\r\n\r\ncontent\r\n--x--\r\n"
        long = quote(unit * (LONGEST_QUERY // len(unit)))[:LONGEST_QUERY]
        requests: list[tuple[str, str, dict[str, Any]]] = [
            ("POST", "/documents", {"data": upload, "headers": MULTIPART})
        ]
        requests.append(("GET", f"/{long}", {}))
        requests += [
            ("GET", "/documents", {"headers": {header: long}})
            for header in HEADERS
            if header != "Content-Length"
        ]
        for method, path, options in requests:
            began = time.thread_time()
            status = caller.ask(method, path, **options).status_code
            taken = time.thread_time() - began
            if taken > 1 or status == 500:
                slow.append((method, path[:20], unit, str(options)[:60], status, round(taken, 2)))
    assert slow == []


HEADERS = {
    "Range": [
        "bytes=" + MANY_DIGITS + "-",
        "bytes=-" + MANY_DIGITS,
        "bytes=" + "0-1," * 1000,
        "bytes=5-1",
        "x=1",
    ],
    "If-Range": ['"' + "x" * 5000 + '"', "Mon, 99 Foo 2026 99:99:99 GMT", "W/"],
    "If-None-Match": ['"a",' * 1000, "W/" * 1000, "*"],
    "If-Match": ['"a",' * 1000, "*"],
    "If-Modified-Since": [MANY_DIGITS[:5000], "Mon, 01 Jan 99999 00:00:00 GMT", "x"],
    "Accept": ["text/html;q=" + "9" * 5000, "*/*;q=nan", ";" * 5000, "a/b," * 1000, "text/html;q=-1"],
    "Accept-Language": ["a-b," * 1000, ";q=" * 1000, "*;q=nan"],
    "Accept-Encoding": ["gzip;q=nan", "br;q=" + "9" * 5000, "," * 5000],
    "Cookie": ["autotag=" + "." * 5000, "autotag=\u00ff", "; " * 2000, 'a="' * 1000, "autotag=" + "A" * 5000],
    "Authorization": [
        "Bearer " + "x" * 5000,
        "Basic " + "=" * 100,
        "Bearer",
        "Digest " + 'a="' * 1000,
        "\u00ff",
    ],
    "Content-Length": ["-1", MANY_DIGITS[:5000], "x", "\u00b2"],
    "Content-Type": [
        "application/json;charset=" + "x" * 1000,
        "multipart/form-data;boundary=" + "x" * 5000,
        "/",
    ],
    "X-Request-ID": ["x" * 5000, "\u00ff"],
    "Idempotency-Key": ["x" * 5000, "\u00ff", ""],
    "User-Agent": ["\u00ff" * 5000, ""],
    "Referer": ["http://[", "//" * 2000, "\u00ff"],
    "X-Forwarded-For": ["x" * 5000, ",," * 1000],
    "X-CSRFToken": ["x" * 5000, "\u00ff", ""],
    "Host": ["[", "a" * 5000, "\u00ff", "globex.localhost:99999999", "globex.localhost:", "[::1", ""],
    "Transfer-Encoding": ["x"],
}


def test_no_value_of_any_header_is_a_fault_of_the_server(
    recorded: Flask,
    callers: Callable[[Rule], Caller],
    theirs: Theirs,
    program: Callable[..., Program],
    default_instance: VirtualInstance,
) -> None:
    client = program(theirs.instance, Role.ADMINISTRATOR)
    number = theirs.ids["document"]
    paths = [
        "/sign-in",
        "/documents",
        f"/documents/{number}/content",
        f"/documents/{number}",
        "/healthz",
    ]
    caller = callers(next(recorded.url_map.iter_rules()))
    faults = []
    for name, values in HEADERS.items():
        for value in values:
            for path in paths:
                for method in ("GET", "POST"):
                    if caller.ask(method, path, headers={name: value}).status_code == 500:
                        faults.append((method, path, name, value[:40]))
            for path in (f"/documents/{number}/content", "/documents", "/tags"):
                for method in ("GET", "POST"):
                    if client.call(method, path, headers={name: value}).status_code == 500:
                        faults.append((method, PREFIX + path, name, value[:40]))
    assert faults == []


def test_no_json_is_a_fault_of_the_server(
    recorded: Flask, theirs: Theirs, program: Callable[..., Program], default_instance: VirtualInstance
) -> None:
    client = program(theirs.instance, Role.ADMINISTRATOR)
    document = client.get("/openapi.json").json
    assert document is not None
    faults, tried = [], 0
    for pattern, calls in document["paths"].items():
        path = re.sub(r"\{(\w+)\}", lambda found: str(theirs.ids.get(ROWS.get(found[1], ""), "x")), pattern)
        path = path.removeprefix(PREFIX)
        for method, call in calls.items():
            if method not in ("get", "post", "put", "patch", "delete"):
                continue
            for options in odd_calls(document, call):
                tried += 1
                answer = client.call(method.upper(), path, **options)
                if answer.status_code == 500:
                    faults.append((method, path, str(options)[:200]))
    assert faults == []
    assert tried > 1000


def odd_calls(document: Any, call: Any) -> Iterator[dict[str, Any]]:
    for parameter in (resolved(document, one) for one in call.get("parameters", [])):
        if parameter["in"] == "query":
            for value in TEXTS:
                yield {"query_string": f"{parameter['name']}={quote(value)}"}
    content = call.get("requestBody", {}).get("content", {})
    for kind, described in content.items():
        properties = resolved(document, described["schema"]).get("properties", {})
        for name in properties:
            if kind == "application/json":
                for value in VALUES:
                    yield {"data": json.dumps({name: value}), "headers": {"Content-Type": kind}}
            else:
                for text in TEXTS:
                    yield {"data": form_of(set(properties), name, text), "headers": FORM}
                yield {"data": parts_of(set(properties), name), "headers": MULTIPART}
    for body in some(BODIES, 3):
        yield {"data": body, "headers": {"Content-Type": "application/json"}}


def resolved(document: Any, described: Any) -> Any:
    while "$ref" in described:
        found = document
        for step in described["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        described = found
    return described
