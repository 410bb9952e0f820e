"""Errors become pages for people and problem documents (RFC 9457) for programs; one place decides how."""

import errno
from collections.abc import Mapping
from typing import Any

import structlog
from flask import Flask, Response, json, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.exceptions import HTTPException, InternalServerError, NotFound

from autotag.blueprints import security_events
from autotag.blueprints.long_answers import BUSY, TooManyLongAnswers
from autotag.configuration.entries import UnknownEntry
from autotag.configuration.overview import UnknownCategory
from autotag.instances.administration import UnknownInstance
from autotag.instances.hosts import MalformedHost
from autotag.instances.passwords import PasswordsBusy
from autotag.instances.people import SessionNotFound, UserNotFound
from autotag.instances.tokens import TokenNotFound
from autotag.media.errors import (
    DocumentNotFound,
    FolderNotFound,
    FolderRefused,
    StorageError,
    StorageUnavailable,
    UploadRefused,
)
from autotag.media.library.editing import TextsRefused
from autotag.media.uploads.idempotency import REUSED, KeyRefused
from autotag.media.uploads.quota import EXCEEDED
from autotag.tagging.bulk.actions import BulkActionNotFound
from autotag.tagging.runs.lifecycle import RunNotFound
from autotag.tagging.tags.create_and_lock import TagsKeepVanishing
from autotag.tagging.tags.listing import TagNotFound
from autotag.tagging.tags.names import TaggingRefused
from autotag.webhooks.registry import WebhookNotFound

logger = structlog.stdlib.get_logger(__name__)

PAGES = frozenset({403, 404, 413, 429, 500, 503})
NOT_FOUND = (
    RunNotFound,
    BulkActionNotFound,
    SessionNotFound,
    TagNotFound,
    TokenNotFound,
    UnknownCategory,
    UnknownEntry,
    UnknownInstance,
    UserNotFound,
    WebhookNotFound,
)
MISSING: Mapping[type[Exception], tuple[str, str]] = {
    BulkActionNotFound: ("bulk_action_not_found", "There is no such bulk action here."),
    RunNotFound: ("run_not_found", "There is no such run here."),
    TagNotFound: ("tag_not_found", "There is no such tag here."),
}
"""What the API says of them: which of the things that were named is not there."""

NOTHING_CHANGED = "Nothing was changed. Try again in a moment."
RETRY_SECONDS = 5
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
TOO_MUCH = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})
"""What the machine says that is full, broken or read-only, and that lacks something which comes back."""

INVALID = "Some of what was sent cannot be used; errors says what and why."
NOT_STORABLE = (
    f"Some of what was sent cannot be stored, such as a character that nobody sees. {NOTHING_CHANGED}"
)
NO_JSON = "The body is no JSON."
API_PREFIX = "/api/"
UNPROCESSABLE = frozenset({"tag_name"})
"""Codes of refusals for which what was sent is at fault, and not what is there."""

HOST_ERRORS = frozenset({"malformed_host", "unknown_host"})


class InstanceNotFound(NotFound):
    """No active virtual instance answers on the requested host."""

    def __init__(self, host: str) -> None:
        super().__init__(f"No site answers at {host}.")
        self.host = host


class Problem(Exception):
    """What a view of the API cannot do: a status, a stable `code` for programs, a sentence for people."""

    def __init__(self, status: int, code: str, message: str, errors: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors


def register(app: Flask) -> None:
    """Add the handlers."""
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(KeyRefused, _refused_fields)
    app.register_error_handler(TextsRefused, _refused_fields)
    app.register_error_handler(MalformedHost, _malformed_host)
    app.register_error_handler(InstanceNotFound, _unknown_host)
    app.register_error_handler(DocumentNotFound, _document_not_found)
    app.register_error_handler(FolderNotFound, _document_not_found)
    app.register_error_handler(FolderRefused, _refused_fields)
    app.register_error_handler(TaggingRefused, _tagging_refused)
    for missing in NOT_FOUND:
        app.register_error_handler(missing, _not_found)
    app.register_error_handler(UploadRefused, _upload_refused)
    app.register_error_handler(StorageError, _storage)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(PasswordsBusy, _passwords_busy)
    for busy in (OperationalError, TagsKeepVanishing):
        app.register_error_handler(busy, _busy)
    app.register_error_handler(DataError, _not_storable)
    app.register_error_handler(TooManyLongAnswers, _too_many_long_answers)
    app.register_error_handler(OSError, _system)
    app.register_error_handler(Exception, _unexpected)


def is_api() -> bool:
    """Whether the request is for the API, whatever it asks for there."""
    return request.path.startswith(API_PREFIX)


def wants_problem() -> bool:
    """Whether the caller is a program: it calls the API, or asks for JSON rather than for a page."""
    if is_api():
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best == "application/json" and (
        request.accept_mimetypes["application/json"] > request.accept_mimetypes["text/html"]
    )


def problem(status: int, code: str, detail: str, errors: Mapping[str, Any] | None = None) -> Response:
    """Return a problem document with a stable `code` and a sentence for people; `errors` are reasons by field."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": code.replace("_", " "),
        "status": status,
        "code": code,
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    return Response(json.dumps(body), status=status, content_type="application/problem+json")


def error_page(status: int, code: str, message: str, **details: str) -> ResponseReturnValue:
    """Answer with the page or the problem document of a status; the page gets the details, too."""
    if wants_problem():
        return problem(status, code, message)
    template = f"errors/{status}.html" if status in PAGES else "errors/error.html"
    if code in HOST_ERRORS:
        template = "errors/unknown_host.html"
    # A form that failed is not sent again by loading its address; a page that failed is.
    may_repeat = request.method == "GET"
    page = render_template(
        template, status=status, code=code, message=message, may_repeat=may_repeat, **details
    )
    return page, status


def _malformed_host(_error: MalformedHost) -> ResponseReturnValue:
    return error_page(400, "malformed_host", "The address of this request names no host.")


def _unknown_host(error: InstanceNotFound) -> ResponseReturnValue:
    return error_page(404, "unknown_host", error.description or "No site answers here.", host=error.host)


def _document_not_found(error: DocumentNotFound | FolderNotFound) -> ResponseReturnValue:
    return error_page(404, error.code, error.message)


def _tagging_refused(error: TaggingRefused) -> ResponseReturnValue:
    status = 409 if is_api() and error.code not in UNPROCESSABLE else 422
    return error_page(status, error.code, error.message)


def _problem(error: Problem) -> ResponseReturnValue:
    return problem(error.status, error.code, error.message, error.errors)


def _refused_fields(error: FolderRefused | KeyRefused | TextsRefused) -> ResponseReturnValue:
    return error_page(409 if error.code == REUSED else 422, error.code, error.message)


def _not_found(error: Exception) -> ResponseReturnValue:
    """Answer as for an address that never was, so that nobody learns what is there for others."""
    if is_api() and type(error) in MISSING:
        return problem(404, *MISSING[type(error)])
    return _http(NotFound())


def _upload_refused(error: UploadRefused) -> ResponseReturnValue:
    status = {"file_too_large": 413, EXCEEDED: 409}.get(error.code, 422)
    return error_page(status, error.code, error.message)


def _storage(error: StorageError) -> ResponseReturnValue:
    if isinstance(error, StorageUnavailable):
        logger.error("storage failed", reason=error.reason)
        return _again_later(error_page(503, error.code, error.message))
    logger.error("storage failed", reason=error.message)
    return error_page(507, error.code, error.message)


def _csrf(error: CSRFError) -> ResponseReturnValue:
    security_events.request_refused(400)
    return error_page(400, "csrf", f"{error.description} Load the page again and repeat what you did.")


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:
        return error
    code, text = error.name.lower().replace(" ", "_"), error.description or error.name
    if not is_api():
        return error_page(error.code, code, text)
    answer = problem(error.code, *_said_by_parser(error, code, text))
    answer.headers.extend(
        (name, value) for name, value in error.get_headers() if name in ("Allow", "Retry-After")
    )
    return answer


def _said_by_parser(error: HTTPException, code: str, text: str) -> tuple[str, str, Mapping[str, Any] | None]:
    """Return what to answer; an error of the parser of requests has reasons by field."""
    reasons: Mapping[str, Any] | None = getattr(error, "data", {}).get("messages")
    if reasons is None:
        return code, text, None
    if error.code == 400:
        return "malformed_json", NO_JSON, None
    return "invalid_request", INVALID, reasons


def _busy(error: Exception) -> ResponseReturnValue:
    """Answer when the database is away, or others kept it busy for too long: nothing was changed."""
    logger.error("database unavailable", method=request.method, path=request.path, exc_info=error)
    return _again_later(error_page(503, "unavailable", f"The database does not answer. {NOTHING_CHANGED}"))


def _passwords_busy(_: PasswordsBusy) -> ResponseReturnValue:
    """Answer when too many people sign in at once: a password costs much time and memory on purpose."""
    logger.warning("too many passwords at once", method=request.method, path=request.path)
    return _again_later(error_page(503, "unavailable", f"Too many people are signing in. {NOTHING_CHANGED}"))


def _not_storable(_error: DataError) -> ResponseReturnValue:
    """Answer when the database takes a value as none of its type: PostgreSQL has no NUL in texts."""
    if "\0" in request.path:
        return _http(NotFound())
    return error_page(422, "invalid_request", NOT_STORABLE)


def _too_many_long_answers(_error: TooManyLongAnswers) -> ResponseReturnValue:
    return _again_later(error_page(503, "busy", BUSY))


def _system(error: OSError) -> ResponseReturnValue:
    """Say what is the matter with the machine where that is known; nothing of the request was done."""
    if error.errno in NO_ROOM:
        logger.error("no room on the disk", method=request.method, path=request.path, reason=error.strerror)
        return error_page(
            507, "storage", f"The server cannot store anything: {error.strerror}. {NOTHING_CHANGED}"
        )
    if error.errno in TOO_MUCH:
        logger.error("too much at once", method=request.method, path=request.path, reason=error.strerror)
        return _again_later(
            error_page(503, "unavailable", f"The server has too much to do at once. {NOTHING_CHANGED}")
        )
    return _unexpected(error)


def _again_later(answer: ResponseReturnValue) -> ResponseReturnValue:
    response = make_response(answer)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _unexpected(error: Exception) -> ResponseReturnValue:
    logger.error("unexpected error", method=request.method, path=request.path, exc_info=error)
    unexpected = InternalServerError()
    return error_page(500, "internal_server_error", unexpected.description or "")
