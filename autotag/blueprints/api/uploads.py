"""Uploading a file."""

from typing import Any, BinaryIO, cast

from flask import g, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.api import blueprint
from autotag.blueprints.api.calls import Answer
from autotag.blueprints.api.document_schemas import DocumentSchema
from autotag.blueprints.api.documents import TAG, answer_for
from autotag.blueprints.api.upload_schemas import UploadHeadersSchema, UploadSchema
from autotag.blueprints.services import services
from autotag.extensions import db
from autotag.models import Role
from autotag.tagging.tags.names import clean_names
from autotag.tagging.uploads.upload import Sender, UploadWishes, store_upload

REPLAYED = "Idempotent-Replayed"
UPLOAD_PROBLEMS = [
    "folder_not_found",
    "file_too_large",
    "empty_file",
    "extension_not_allowed",
    "quota_exceeded",
]
UPLOAD_HEADERS = {
    "Location": {"description": "Address of the document.", "schema": {"type": "string"}, "required": True},
    REPLAYED: {
        "description": "`true` when the upload had been sent before.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}


@blueprint.call(
    "POST",
    "/documents",
    Role.EDITOR,
    Answer(201, DocumentSchema, headers=UPLOAD_HEADERS),
    tag=TAG,
    problems=[*UPLOAD_PROBLEMS, "idempotency_key_reused", "storage", "storage_unavailable"],
    headers=UploadHeadersSchema,
    multipart=UploadSchema,
)
def upload_document(headers: dict[str, str], form: dict[str, Any]) -> ResponseReturnValue:
    """Upload a file

    It is stored when the answer is there, and tagged soon after: ask for it until `tagging.state` is final.
    """
    file = form["file"]
    names = [name for field in form.get("tags", []) for name in field.split(",") if name.strip()]
    wishes = UploadWishes(
        form.get("folder_id"),
        tuple(clean_names(names)),
        title=form.get("title", ""),
        key=headers.get("idempotency_key"),
    )
    stored = store_upload(
        db.session(),
        cast(BinaryIO, file.stream),
        file.filename or "",
        wishes,
        Sender(g.instance.id, current_user.user.id),
        storage=services().storage,
        queue=services().queue,
    )
    answer_headers = {"Location": url_for("api.show_document", document_id=stored.document_id)}
    if stored.is_replay:
        answer_headers[REPLAYED] = "true"
    return answer_for(stored.document_id), 201, answer_headers
