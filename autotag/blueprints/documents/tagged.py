"""A copy of a document's file with its tags written into it, to be saved."""

from flask import Response, abort, flash, g, redirect, send_file, url_for
from flask.typing import ResponseReturnValue

from autotag.blueprints.access import requires
from autotag.blueprints.documents import ONE_DOCUMENT, blueprint
from autotag.blueprints.documents.files import download_type, sealed
from autotag.blueprints.errors import problem, wants_problem
from autotag.blueprints.long_answers import holds_thread
from autotag.blueprints.services import services
from autotag.extensions import db
from autotag.inference.process.keyword_process import KeywordProcess
from autotag.media.library.library import load_document
from autotag.models import Document, Role
from autotag.tagging.document_tags.tagged_copies import WRITABLE_TYPES, TaggedCopies, TagsNotWritten
from autotag.tagging.document_tags.tags_for_copies import tags_of_documents


@blueprint.app_template_filter()
def takes_tags(document: Document) -> bool:
    """Whether tags can be written into copies of a document's file."""
    return document.mime_type in WRITABLE_TYPES


@blueprint.get(f"{ONE_DOCUMENT}/content-with-tags")
@sealed
@requires(Role.VIEWER)
@holds_thread
def tagged_content(document_id: int) -> ResponseReturnValue:
    """Send a copy of the file with the tags in it; the original stays as it was uploaded."""
    document = load_document(db.session(), g.instance.id, document_id)
    try:
        return send_tagged(document)
    except FileNotFoundError:
        abort(404)
    except TagsNotWritten as error:
        if wants_problem():
            return problem(422, error.code, error.message)
        flash(f"{error.message} Download the file as it is instead.", "warning")
        return redirect(url_for("documents.show", document_id=document_id), 303)


def send_tagged(document: Document) -> Response:
    """Make the copy and send it. Raises TagsNotWritten and FileNotFoundError."""
    tags = tags_of_documents(db.session(), g.instance.id, [document.id])[document.id]
    sha256, mime_type, file_name = document.sha256, download_type(document), document.file_name
    # No transaction stays open while a large file is copied.
    db.session().rollback()
    with (
        KeywordProcess() as process,
        TaggedCopies(services().storage, process).copy(sha256, tags) as path,
    ):
        # Its name goes with the block; what is open is sent to its end.
        content = path.open("rb")
        size = path.stat().st_size
    response = send_file(
        content,
        mimetype=mime_type,
        as_attachment=True,
        download_name=file_name,
        conditional=False,
    )
    response.content_length = size
    return response
