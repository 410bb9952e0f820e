import errno
from collections.abc import Callable

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from autotag.blueprints.access import public
from autotag.media.errors import DocumentNotFound, StorageError, StorageUnavailable, UploadRefused
from autotag.models import VirtualInstance
from autotag.tagging.tags.create_and_lock import TagsKeepVanishing
from tests.unit.conftest import Factory

JSON = {"Accept": "application/json"}


@pytest.fixture
def failing(app: Flask, default_instance: VirtualInstance) -> Callable[[Exception | int], FlaskClient]:
    """An application with a page that fails in a given way."""

    def failing(error: Exception | int) -> FlaskClient:
        def fail() -> str:
            if isinstance(error, int):
                abort(error)
            raise error

        app.add_url_rule("/fail", "fail", public(fail))
        return app.test_client()

    return failing


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (DocumentNotFound(7), 404, "document_not_found"),
        (UploadRefused("file_too_large", "It is too large."), 413, "file_too_large"),
        (UploadRefused("empty_file", "It is empty."), 422, "empty_file"),
        (StorageError("storage", "The disk is full."), 507, "storage"),
        (StorageUnavailable("It is away."), 503, "storage_unavailable"),
        (RuntimeError("a secret"), 500, "internal_server_error"),
        (OperationalError("a secret", None, Exception("away")), 503, "unavailable"),
        (TagsKeepVanishing(), 503, "unavailable"),
        (OSError(errno.ENOSPC, "No space left on device"), 507, "storage"),
        (OSError(errno.EROFS, "Read-only file system"), 507, "storage"),
        (OSError(errno.EMFILE, "Too many open files"), 503, "unavailable"),
        (OSError(errno.ENOTDIR, "a secret"), 500, "internal_server_error"),
        (403, 403, "forbidden"),
        (404, 404, "not_found"),
        (405, 405, "method_not_allowed"),
        (429, 429, "too_many_requests"),
    ],
    ids=str,
)
def test_an_error_is_a_page_for_people_and_a_problem_for_programs(
    failing: Callable[[Exception | int], FlaskClient], error: Exception | int, status: int, code: str
) -> None:
    client = failing(error)
    with capture_logs():
        page = client.get("/fail", headers={"Accept": "text/html"})
        problem = client.get("/fail", headers=JSON)
    assert (page.status_code, page.mimetype) == (status, "text/html")
    assert "<h1" in page.text
    assert (problem.status_code, problem.content_type) == (status, "application/problem+json")
    assert problem.json is not None
    assert problem.json.keys() == {"type", "title", "status", "code", "detail"}
    assert (problem.json["status"], problem.json["code"]) == (status, code)
    assert "a secret" not in page.text + problem.text


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("", None, Exception("locked")),
        OSError(errno.EMFILE, "Too many open files"),
        StorageUnavailable("It is away."),
    ],
    ids=str,
)
def test_what_passes_says_when_to_come_again(
    failing: Callable[[Exception | int], FlaskClient], error: Exception
) -> None:
    with capture_logs():
        answer = failing(error).get("/fail", headers=JSON)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_what_nobody_expected_is_logged_with_its_traceback(
    failing: Callable[[Exception | int], FlaskClient],
) -> None:
    error = RuntimeError("a secret")
    with capture_logs() as logs:
        failing(error).get("/fail")
    entry, request = logs
    assert (request["event"], request["status"]) == ("request", 500)
    assert (entry["event"], entry["path"], entry["exc_info"]) == ("unexpected error", "/fail", error)


ACCEPTS_PROBLEM = {
    "": False,
    "*/*": False,
    "text/html,application/xhtml+xml,*/*;q=0.8": False,
    "text/html, application/json": False,
    "application/json": True,
    "application/json, */*;q=0.1": True,
    "text/html;q=0.5, application/json": True,
    "image/webp,*/*": False,
}


def test_whoever_prefers_json_is_a_program(client: FlaskClient, default_instance: VirtualInstance) -> None:
    for accept, is_problem in ACCEPTS_PROBLEM.items():
        answer = client.get("/no-such-page", headers={"Accept": accept} if accept else {})
        assert (answer.mimetype == "application/problem+json") is is_problem, accept


def test_a_static_file_that_is_not_there_is_a_page_not_found(client: FlaskClient) -> None:
    answer = client.get("/static/no-such-file.css")
    assert answer.status_code == 404
    assert "Page not found" in answer.text


@pytest.mark.parametrize("path", ["/healthz", "/sign-in"])
def test_a_wrong_method_is_refused(client: FlaskClient, default_instance: VirtualInstance, path: str) -> None:
    assert client.put(path).status_code == 405


def test_a_number_that_no_document_can_have_is_not_found(
    client: FlaskClient,
    default_instance: VirtualInstance,
    make: Factory,
    sign_in: Callable[..., None],
) -> None:
    sign_in(client, make.user(default_instance))
    for number in (0, 2**31, 2**63, 10**30):
        assert client.get(f"/documents/{number}").status_code == 404, number


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_that_failed_can_be_loaded_again_and_a_form_is_not_sent_by_a_link(
    app: Flask, client: FlaskClient, default_instance: VirtualInstance, method: str
) -> None:
    def fail() -> str:
        raise RuntimeError

    app.config["WTF_CSRF_ENABLED"] = False
    app.add_url_rule("/fail", "fail", public(fail), methods=["GET", "POST"])
    with capture_logs():
        page = client.open("/fail", method=method).text
    assert ("Try again</a>" in page) == (method == "GET")
    assert ("Go back to the form and send it again." in page) == (method == "POST")


def test_browsers_that_ask_for_an_icon_by_its_old_name_get_the_mark_on_any_host(client: FlaskClient) -> None:
    answer = client.get("/favicon.ico", base_url="http://nobody.example/")
    assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
    assert b"<svg" in answer.data
    answer.close()
