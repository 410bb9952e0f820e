"""People at the pages: a browser that is signed in, on the host of its instance, and sends forms with their token."""

import re
from collections.abc import Callable, Mapping

import pytest
from bs4 import BeautifulSoup, Tag
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from autotag.models import Role, User, VirtualInstance
from tests.unit.conftest import Factory

SYSTEM = "/control-panel/system-settings"
INSTANCE = "/control-panel/instance-settings"

SignIn = Callable[[FlaskClient, User, str], None]


class Browser:
    """One person's browser."""

    def __init__(self, client: FlaskClient, user: User, host: str) -> None:
        self.client = client
        self.user = user
        self.host = host
        self._token = ""

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, base_url=f"http://{self.host}/")

    def page(self, path: str) -> BeautifulSoup:
        answer = self.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return BeautifulSoup(answer.text, "html.parser")

    def post(
        self, path: str, data: Mapping[str, object] | None = None, headers: Mapping[str, str] | None = None
    ) -> TestResponse:
        if not self._token:
            found = re.search(r'name="csrf_token" value="([^"]+)"', self.get("/account").text)
            assert found
            self._token = found[1]
        sent = {"csrf_token": self._token} | dict(data or {})
        return self.client.post(path, data=sent, headers=headers, base_url=f"http://{self.host}/")


def parsed(answer: TestResponse) -> BeautifulSoup:
    return BeautifulSoup(answer.text, "html.parser")


def said(page: BeautifulSoup) -> str:
    """The words of a page, as they are read."""
    return " ".join(page.get_text(" ").split())


def control(page: BeautifulSoup, name: str) -> Tag:
    found = page.find(["input", "select"], attrs={"name": name})
    assert isinstance(found, Tag), f"there is no field {name}"
    return found


def form_values(page: BeautifulSoup) -> dict[str, str]:
    """What a browser sends when the settings form is sent untouched."""
    form = page.find("form", attrs={"data-settings-form": True})
    assert isinstance(form, Tag)
    values = {}
    for field in form.find_all(["input", "select"]):
        if field.name == "select":
            values[field["name"]] = field.find("option", selected=True)["value"]
        elif field.get("type") != "checkbox" or field.has_attr("checked"):
            values[field["name"]] = field["value"]
    return values


def save(browser: Browser, path: str, changed: Mapping[str, object]) -> int:
    """Open an entry's form, change some fields and send it; return the status."""
    return browser.post(path, form_values(browser.page(path)) | dict(changed)).status_code


@pytest.fixture
def browser(app: Flask, make: Factory, sign_in: SignIn) -> Callable[..., Browser]:
    """Opens a browser for a new person with a role in an instance, or for a person that is there."""

    def browser(instance: VirtualInstance, role: Role = Role.VIEWER, user: User | None = None) -> Browser:
        host = "localhost" if instance.is_default else f"{instance.virtual_host}.localhost"
        client = app.test_client()
        person = user or make.user(instance, role)
        sign_in(client, person, host)
        return Browser(client, person, host)

    return browser


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def system_administrator(browser: Callable[..., Browser], default_instance: VirtualInstance) -> Browser:
    return browser(default_instance, Role.SYSTEM_ADMINISTRATOR)


@pytest.fixture
def administrator(
    browser: Callable[..., Browser], default_instance: VirtualInstance, acme: VirtualInstance
) -> Browser:
    """The administrator of an instance that is not the default one."""
    return browser(acme, Role.ADMINISTRATOR)
