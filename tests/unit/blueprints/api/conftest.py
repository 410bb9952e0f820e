"""Programs at the API: a token on the host of its instance, and what it sends."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from autotag.instances.tokens import create_token
from autotag.models import Role, User, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from tests.unit.conftest import Factory

PREFIX = "/api/v1"


class Program:
    """Something that calls the API with one token."""

    def __init__(self, app: Flask, user: User, host: str, token: str) -> None:
        self.user = user
        self.host = host
        self.token = token
        self._client = app.test_client()

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        return self._client.open(
            PREFIX + path,
            method=method,
            headers={name: value for name, value in headers.items() if value is not None},
            base_url=f"http://{self.host}/",
            buffered=True,
            **options,
        )

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self.call("POST", path, **options)

    def answer(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        """Call, and return the JSON of an answer that has to have this status."""
        answer = self.call(method, path, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        return answer.json

    def refusal(self, method: str, path: str, **options: Any) -> tuple[int, str]:
        """Call, and return status and code of the problem that has to come back."""
        answer = self.call(method, path, **options)
        assert answer.content_type == "application/problem+json", f"{answer.status_code} {answer.text[:300]}"
        assert answer.json is not None
        assert {"type", "title", "status", "code", "detail"} <= set(answer.json)
        assert answer.json["status"] == answer.status_code
        return answer.status_code, answer.json["code"]

    def upload(
        self, content: bytes = b"plain", name: str = "a.txt", key: str | None = None, **fields: object
    ) -> TestResponse:
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.post("/documents", data={"file": (io.BytesIO(content), name)} | fields, headers=headers)

    def upload_id(self, content: bytes = b"plain", name: str = "a.txt", **fields: object) -> int:
        answer = self.upload(content, name, **fields)
        assert answer.status_code == 201, answer.text
        assert answer.json is not None
        number: int = answer.json["id"]
        return number


@pytest.fixture
def program(app: Flask, make: Factory, sessions: sessionmaker[Session]) -> Callable[..., Program]:
    """Makes a token for a new person with a role in an instance, or for a person that is there."""

    def program(
        instance: VirtualInstance, role: Role = Role.EDITOR, user: User | None = None, **options: Any
    ) -> Program:
        person = user or make.user(instance, role)
        with sessions() as session, unit_of_work(session) as work:
            _, token = create_token(work, work.session.merge(person), name="Test", actor="test", **options)
        host = "localhost" if instance.is_default else f"{instance.virtual_host}.localhost"
        return Program(app, person, host, token)

    return program


@pytest.fixture
def editor(
    program: Callable[..., Program], default_instance: VirtualInstance, acme: VirtualInstance
) -> Program:
    """A program of an editor of acme."""
    return program(acme)


@pytest.fixture
def administrator_program(
    program: Callable[..., Program], default_instance: VirtualInstance, acme: VirtualInstance
) -> Program:
    """A program of the administrator of acme."""
    return program(acme, Role.ADMINISTRATOR)
