"""The bytes of documents: pictures for the pages, and the file itself for whoever downloads it."""

import os
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar

from flask import Response, abort, g, request, send_file
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import FileWrapper

from autotag.blueprints.access import requires
from autotag.blueprints.documents import ONE_DOCUMENT, blueprint
from autotag.blueprints.long_answers import SHORT_BYTES, TooManyLongAnswers, take_place
from autotag.blueprints.services import services
from autotag.extensions import db, talisman
from autotag.media.library.library import load_document
from autotag.media.storage.renditions import preview_key, thumbnail_key
from autotag.media.storage.storage import original_key
from autotag.models import Document, Role

# Raster types that no browser runs anything in. Everything else is sent as bytes without a meaning.
SAFE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/tiff"})
ANY_BYTES = "application/octet-stream"
FILE_POLICY = "sandbox; default-src 'none'"
CHUNK_BYTES = 256 * 1024
YEAR_SECONDS = 365 * 24 * 60 * 60

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])


def sealed(view: View) -> View:
    """Let the view's answers do nothing in a browser: no script, no frame, no request of their own."""
    guarded: View = talisman(content_security_policy=FILE_POLICY)(view)
    return guarded


@blueprint.get(f"{ONE_DOCUMENT}/thumbnail")
@sealed
@requires(Role.VIEWER)
def thumbnail(document_id: int) -> ResponseReturnValue:
    """Send the small picture of a document."""
    document = load_document(db.session(), g.instance.id, document_id)
    return send_picture(document, thumbnail_key)


@blueprint.get(f"{ONE_DOCUMENT}/preview")
@sealed
@requires(Role.VIEWER)
def preview(document_id: int) -> ResponseReturnValue:
    """Send the picture of a document at the size of a screen."""
    document = load_document(db.session(), g.instance.id, document_id)
    return send_picture(document, preview_key)


@blueprint.get(f"{ONE_DOCUMENT}/content")
@sealed
@requires(Role.VIEWER)
def content(document_id: int) -> ResponseReturnValue:
    """Send the uploaded file, to be saved and not shown."""
    document = load_document(db.session(), g.instance.id, document_id)
    return send_original(document.sha256, download_type(document), document.file_name)


def download_type(document: Document) -> str:
    """Return the type that a download may claim."""
    return document.mime_type if document.mime_type in SAFE_TYPES else ANY_BYTES


def send_picture(document: Document, key_of: Callable[[str], str]) -> Response:
    """Send a picture that we made; its address changes with its content, so it may be kept for a year.

    404 until this very document was looked at. Pictures are stored by content and for all virtual instances, so the
    file may be there already; sending it would tell that another instance has the same content.
    """
    if not document.has_renditions:
        abort(404)
    response = _sent(key_of(document.sha256), mimetype="image/jpeg")
    response.cache_control.private = True
    response.cache_control.no_cache = None
    response.cache_control.max_age = YEAR_SECONDS
    response.cache_control.immutable = True
    return response


def send_original(sha256: str, mime_type: str, file_name: str) -> Response:
    """Send an uploaded file to be saved, or the part of it that is asked for; its hash is its `ETag`."""
    return _sent(
        original_key(sha256), etag=sha256, mimetype=mime_type, as_attachment=True, download_name=file_name
    )


def stored_file(key: str) -> BinaryIO:
    """Open a kept file; 404 when nothing is kept under the key."""
    try:
        return services().storage.open(key)
    except FileNotFoundError:
        abort(404)


def _sent(key: str, **options: Any) -> Response:
    """Send a kept file as it is read, never as a whole from memory."""
    file = stored_file(key)
    try:
        return _answer_with(file, **options)
    except (HTTPException, TooManyLongAnswers):
        # No place for the answer, or a part that the file does not have: nobody else closes it.
        file.close()
        raise


def _answer_with(file: BinaryIO, *, etag: str | None = None, **options: Any) -> Response:
    response = send_file(file, etag=False, conditional=False, **options)
    response.content_length = size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size > SHORT_BYTES and request.method != "HEAD":
        take_place()
    if etag is not None:
        response.set_etag(etag)
    if request.range is not None or not _has_descriptor(file):
        # The server's own wrapper reads all that lies before a part.
        response.response = FileWrapper(file, CHUNK_BYTES)
    response.make_conditional(request.environ, accept_ranges=True, complete_length=size)
    return response


def _has_descriptor(file: BinaryIO) -> bool:
    """Whether it is a file of this machine, which the server can send without reading it."""
    try:
        file.fileno()
    except OSError:
        return False
    return True
