"""The bytes of documents: pictures for the pages, and the file itself for whoever downloads it."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from flask import Response, abort, g, send_file
from flask.typing import ResponseReturnValue

from autotag.blueprints.access import requires
from autotag.blueprints.documents import ONE_DOCUMENT, blueprint
from autotag.blueprints.services import services
from autotag.extensions import db, talisman
from autotag.media.library import load_document
from autotag.media.renditions import preview_key, thumbnail_key
from autotag.media.storage import original_key
from autotag.models import Document, Role

# Raster types that no browser runs anything in. Everything else is sent as bytes without a meaning.
SAFE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/tiff"})
ANY_BYTES = "application/octet-stream"
FILE_POLICY = "sandbox; default-src 'none'"
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
    return send_picture(thumbnail_key(document.sha256))


@blueprint.get(f"{ONE_DOCUMENT}/preview")
@sealed
@requires(Role.VIEWER)
def preview(document_id: int) -> ResponseReturnValue:
    """Send the picture of a document at the size of a screen."""
    document = load_document(db.session(), g.instance.id, document_id)
    return send_picture(preview_key(document.sha256))


@blueprint.get(f"{ONE_DOCUMENT}/content")
@sealed
@requires(Role.VIEWER)
def content(document_id: int) -> ResponseReturnValue:
    """Send the uploaded file, to be saved and not shown."""
    document = load_document(db.session(), g.instance.id, document_id)
    return send_file(
        stored_file(original_key(document.sha256)),
        mimetype=download_type(document),
        as_attachment=True,
        download_name=document.file_name,
        etag=document.sha256,
    )


def download_type(document: Document) -> str:
    """Return the type that a download may claim."""
    return document.mime_type if document.mime_type in SAFE_TYPES else ANY_BYTES


def send_picture(key: str) -> Response:
    """Send a picture that we made; its address changes with its content, so it may be kept for a year."""
    response = send_file(stored_file(key), mimetype="image/jpeg", etag=False)
    response.cache_control.private = True
    response.cache_control.no_cache = None
    response.cache_control.max_age = YEAR_SECONDS
    response.cache_control.immutable = True
    return response


def stored_file(key: str) -> Path:
    """Return where a kept file can be read; 404 when nothing is kept under the key."""
    try:
        return services().storage.local_path(key).absolute()
    except FileNotFoundError:
        abort(404)
