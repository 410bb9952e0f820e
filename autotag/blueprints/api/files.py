"""The bytes of documents: the file itself, and the small picture."""

from flask import g
from flask.typing import ResponseReturnValue

from autotag.blueprints.api import blueprint
from autotag.blueprints.api.calls import Answer
from autotag.blueprints.api.documents import ONE_DOCUMENT, TAG
from autotag.blueprints.documents.files import download_type, sealed, send_original, send_picture
from autotag.blueprints.errors import Problem
from autotag.blueprints.services import services
from autotag.extensions import db
from autotag.media.library.library import load_document
from autotag.media.storage.renditions import thumbnail_key
from autotag.models import Role

BYTES = {"type": "string", "format": "binary"}


@blueprint.call(
    "GET",
    f"{ONE_DOCUMENT}/content",
    Role.VIEWER,
    Answer(200, BYTES, content_type="*/*", description="The file, as it was uploaded."),
    tag=TAG,
    problems=["document_not_found", "storage_unavailable"],
)
@sealed
def download_document(document_id: int) -> ResponseReturnValue:
    """Download the file

    `ETag` is its SHA-256; parts can be asked for with `Range`.
    """
    document = load_document(db.session(), g.instance.id, document_id)
    return send_original(document.sha256, download_type(document), document.file_name)


@blueprint.call(
    "GET",
    f"{ONE_DOCUMENT}/thumbnail",
    Role.VIEWER,
    Answer(200, BYTES, content_type="image/jpeg", description="A picture of at most 360 pixels."),
    tag=TAG,
    problems=["document_not_found", "no_thumbnail", "storage_unavailable"],
)
@sealed
def show_thumbnail(document_id: int) -> ResponseReturnValue:
    """Download a small picture of an image

    It is there when the image has been looked at, usually seconds after the upload.
    """
    document = load_document(db.session(), g.instance.id, document_id)
    if not document.has_renditions or not services().storage.exists(thumbnail_key(document.sha256)):
        raise Problem(409, "no_thumbnail", "There is no picture of this document, or not yet.")
    return send_picture(document, thumbnail_key)
