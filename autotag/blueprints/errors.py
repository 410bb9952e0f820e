"""Errors become pages for people and problem documents (RFC 9457) for programs; one place decides how."""

import structlog
from flask import Flask, Response, json, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException, InternalServerError, NotFound

from autotag.configuration.entries import UnknownEntry
from autotag.configuration.overview import UnknownCategory
from autotag.instances.administration import UnknownInstance
from autotag.instances.hosts import MalformedHost
from autotag.instances.people import SessionNotFound, UserNotFound
from autotag.media.errors import DocumentNotFound, FolderNotFound, FolderRefused, StorageError, UploadRefused
from autotag.tagging.bulk_actions import BulkActionNotFound
from autotag.tagging.runs import RunNotFound
from autotag.tagging.tag_creation import TagsKeepVanishing
from autotag.tagging.tag_list import TagNotFound
from autotag.tagging.tag_names import TaggingRefused

logger = structlog.stdlib.get_logger(__name__)

PAGES = frozenset({403, 404, 413, 429, 500, 503})
NOT_FOUND = (
    RunNotFound,
    BulkActionNotFound,
    SessionNotFound,
    TagNotFound,
    UnknownCategory,
    UnknownEntry,
    UnknownInstance,
    UserNotFound,
)
HOST_ERRORS = frozenset({"malformed_host", "unknown_host"})


class InstanceNotFound(NotFound):
    """No active virtual instance answers on the requested host."""

    def __init__(self, host: str) -> None:
        super().__init__(f"No site answers at {host}.")
        self.host = host


def register(app: Flask) -> None:
    """Add the handlers."""
    app.register_error_handler(MalformedHost, _malformed_host)
    app.register_error_handler(InstanceNotFound, _unknown_host)
    app.register_error_handler(DocumentNotFound, _document_not_found)
    app.register_error_handler(FolderNotFound, _document_not_found)
    app.register_error_handler(FolderRefused, _refused)
    app.register_error_handler(TaggingRefused, _refused)
    for missing in NOT_FOUND:
        app.register_error_handler(missing, _not_found)
    app.register_error_handler(UploadRefused, _upload_refused)
    app.register_error_handler(StorageError, _storage)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    for busy in (OperationalError, TagsKeepVanishing):
        app.register_error_handler(busy, _busy)
    app.register_error_handler(Exception, _unexpected)


def wants_problem() -> bool:
    """Whether the caller is a program: it asks for JSON rather than for a page."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best == "application/json" and (
        request.accept_mimetypes["application/json"] > request.accept_mimetypes["text/html"]
    )


def problem(status: int, code: str, detail: str) -> Response:
    """Return a problem document with a stable `code` and a sentence for people."""
    body = {
        "type": "about:blank",
        "title": code.replace("_", " "),
        "status": status,
        "code": code,
        "detail": detail,
    }
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


def _refused(error: FolderRefused | TaggingRefused) -> ResponseReturnValue:
    return error_page(422, error.code, error.message)


def _not_found(_error: Exception) -> ResponseReturnValue:
    """Answer as for an address that never was, so that nobody learns what is there for others."""
    return _http(NotFound())


def _upload_refused(error: UploadRefused) -> ResponseReturnValue:
    return error_page(413 if error.code == "file_too_large" else 422, error.code, error.message)


def _storage(error: StorageError) -> ResponseReturnValue:
    logger.error("storage failed", reason=error.message)
    return error_page(507, error.code, error.message)


def _csrf(error: CSRFError) -> ResponseReturnValue:
    return error_page(400, "csrf", f"{error.description} Load the page again and repeat what you did.")


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:
        return error
    return error_page(error.code, error.name.lower().replace(" ", "_"), error.description or error.name)


def _busy(error: Exception) -> ResponseReturnValue:
    """Answer when the database is away, or others kept it busy for too long: nothing was changed."""
    logger.error("database unavailable", method=request.method, path=request.path, exc_info=error)
    return error_page(
        503, "unavailable", "The database does not answer. Nothing was changed. Try again in a moment."
    )


def _unexpected(error: Exception) -> ResponseReturnValue:
    logger.error("unexpected error", method=request.method, path=request.path, exc_info=error)
    unexpected = InternalServerError()
    return error_page(500, "internal_server_error", unexpected.description or "")
