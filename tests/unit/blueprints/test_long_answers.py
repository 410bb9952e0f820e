"""Views that hold a thread begin only when the web server has a place for their answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from autotag.blueprints.documents import files
from autotag.blueprints.long_answers import ANSWER
from autotag.models import Role, VirtualInstance
from tests.unit.blueprints.conftest import Browser
from tests.unit.conftest import Factory


class NoPlace:
    """An answer of a web server that has no place left."""

    tenant: object = None

    def take_place(self) -> bool:
        return False


@pytest.fixture
def administrator(
    browser: Callable[..., Browser], default_instance: VirtualInstance, acme: VirtualInstance
) -> Browser:
    return browser(acme, Role.ADMINISTRATOR)


def ask(browser: Browser, method: str, path: str, **options: Any) -> tuple[Any, NoPlace]:
    answer = NoPlace()
    base = f"http://{browser.host}/"
    sent = browser.client.open(
        path, method=method, base_url=base, environ_overrides={ANSWER: answer}, buffered=True, **options
    )
    return sent, answer


def test_a_large_file_and_an_archive_without_a_place_are_refused_for_a_moment(
    administrator: Browser, make: Factory, acme: VirtualInstance, keep: Callable[[bytes], str]
) -> None:
    document = make.document(acme, sha256=keep(bytes(files.SHORT_BYTES + 1)))
    for path in (
        f"/documents/{document.id}/content",
        f"/documents/{document.id}/content-with-tags",
        f"/documents/bulk/download?id={document.id}",
    ):
        sent, answer = ask(administrator, "GET", path)
        assert (sent.status_code, sent.headers.get("Retry-After")) == (503, "5"), path
        assert answer.tenant == acme.id
        problem, _ = ask(administrator, "GET", path, headers={"Accept": "application/json"})
        assert problem.json["code"] == "busy"


def test_a_short_file_and_a_page_need_no_place(
    administrator: Browser, make: Factory, acme: VirtualInstance, keep: Callable[[bytes], str]
) -> None:
    document = make.document(acme, sha256=keep(b"short"))
    for path in (f"/documents/{document.id}/content", "/documents"):
        assert ask(administrator, "GET", path)[0].status_code == 200


def test_a_trial_without_a_place_does_not_begin(administrator: Browser, app: Any) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    try:
        path = "/control-panel/instance-settings/google-vision/test-connection"
        found = [rule.rule for rule in app.url_map.iter_rules() if rule.rule.endswith("/test")]
        assert found == ["/control-panel/webhooks/<int(max=2147483647):webhook_id>/test"]
        assert ask(administrator, "POST", path)[0].status_code == 503
        assert ask(administrator, "POST", "/control-panel/webhooks/1/test")[0].status_code == 503
    finally:
        app.config["WTF_CSRF_ENABLED"] = True
