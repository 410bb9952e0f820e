"""Versions of a document's file: a new one, an old one back, and each one's bytes."""

from typing import BinaryIO, cast

from flask import flash, g, redirect, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.documents import ONE_DOCUMENT, blueprint
from autotag.blueprints.documents.files import ANY_BYTES, SAFE_TYPES, sealed, send_original, stored_file
from autotag.blueprints.documents.forms import sent_files
from autotag.blueprints.documents.page import address_of
from autotag.blueprints.errors import wants_problem
from autotag.blueprints.numbers import MAXIMUM_ID
from autotag.blueprints.services import services
from autotag.extensions import db
from autotag.media.errors import UploadRefused
from autotag.media.library.library import load_document
from autotag.media.storage.storage import original_key
from autotag.media.uploads.intake import receive
from autotag.media.uploads.limits import upload_limits
from autotag.media.uploads.versions import add_version, load_version, restore_version
from autotag.models import Role
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.uploads.new_version import tag_new_version

ANCHOR = "versions"
ONE_VERSION = f"{ONE_DOCUMENT}/versions/<int(max={MAXIMUM_ID}):number>"


@blueprint.post(f"{ONE_DOCUMENT}/versions")
@requires(Role.EDITOR)
def add_file(document_id: int) -> ResponseReturnValue:
    """Make an uploaded file the current version; a file that cannot be one is refused with the reason."""
    load_document(db.session(), g.instance.id, document_id)
    try:
        number = store_version(document_id)
    except UploadRefused as error:
        if wants_problem():
            raise
        flash(error.message, "danger")
        return redirect(address_of(document_id, ANCHOR), 303)
    flash(f"Version {number} is uploaded.", "success")
    if wants_problem():
        return {"url": address_of(document_id)}, 201
    return redirect(address_of(document_id), 303)


def store_version(document_id: int) -> int:
    """Stream the file that was sent to disk and put it in force; return the version's number."""
    files = sent_files(request)
    if len(files) != 1:
        raise UploadRefused("one_file_expected", "Choose one file.")
    limits = upload_limits(db.session(), g.instance.id)
    stream, name = cast(BinaryIO, files[0].stream), files[0].filename or ""
    with (
        receive(stream, name, session=db.session(), storage=services().storage, limits=limits) as received,
        unit_of_work(db.session()) as work,
    ):
        document = add_version(
            work,
            received,
            instance_id=g.instance.id,
            document_id=document_id,
            user_id=current_user.user.id,
        )
        tag_new_version(work, document)
        services().queue.enqueue_after_commit(work, document)
        number = document.version_number
    return number


@blueprint.post(f"{ONE_VERSION}/restore")
@requires(Role.EDITOR)
def restore(document_id: int, number: int) -> ResponseReturnValue:
    """Make an old version the current one again."""
    version = load_version(db.session(), g.instance.id, document_id, number)
    stored_file(original_key(version.sha256)).close()
    try:
        with unit_of_work(db.session()) as work:
            document = restore_version(
                work,
                number,
                instance_id=g.instance.id,
                document_id=document_id,
                user_id=current_user.user.id,
            )
            tag_new_version(work, document)
            services().queue.enqueue_after_commit(work, document)
    except UploadRefused as error:
        flash(error.message, "warning")
    else:
        flash(f"Version {number} is restored.", "success")
    return redirect(address_of(document_id), 303)


@blueprint.get(f"{ONE_VERSION}/content")
@sealed
@requires(Role.VIEWER)
def version_content(document_id: int, number: int) -> ResponseReturnValue:
    """Send the file of one version, to be saved and not shown."""
    version = load_version(db.session(), g.instance.id, document_id, number)
    mime_type = version.mime_type if version.mime_type in SAFE_TYPES else ANY_BYTES
    return send_original(version.sha256, mime_type, version.file_name)
