"""Taking uploads: one file from a script with progress, or many from the plain form."""

from dataclasses import dataclass
from typing import BinaryIO, cast

from flask import flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.datastructures import FileStorage

from autotag.blueprints.access import requires
from autotag.blueprints.documents import blueprint
from autotag.blueprints.documents.cards import render_card
from autotag.blueprints.documents.forms import sent_files, upload_wishes
from autotag.blueprints.errors import wants_problem
from autotag.blueprints.presentation import counted
from autotag.blueprints.services import services
from autotag.extensions import db
from autotag.media.errors import MediaError, UploadRefused
from autotag.media.folders.folder_tree import load_folder
from autotag.media.library.library import load_summary
from autotag.media.uploads.duplicates import same_content
from autotag.models import Role
from autotag.tagging.tags.names import TaggingRefused
from autotag.tagging.uploads.upload import Sender, UploadWishes, store_upload

# The summary travels in a cookie, which must stay small.
NAMED_REFUSALS = 8
NAMED_LENGTH = 60

NO_FILE = "Choose at least one file."


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not accepted, and why, in a sentence."""

    file_name: str
    reason: str


@blueprint.post("/documents")
@requires(Role.EDITOR)
def upload() -> ResponseReturnValue:
    """Store the files that were sent; each is accepted or refused on its own."""
    files = sent_files(request)
    if wants_problem():
        return accept_one(files, upload_wishes(request.form))
    try:
        wishes = upload_wishes(request.form)
    except TaggingRefused as refused:
        flash(f"Nothing was uploaded. {refused.message}", "danger")
        return redirect(url_for("documents.index", folder=request.form.get("folder_id")), 303)
    if wishes.folder_id is not None:
        load_folder(db.session(), g.instance.id, wishes.folder_id)
    refusals = [refusal for file in files if (refusal := try_to_store(file, wishes))]
    tell_outcome(len(files), refusals)
    return redirect(url_for("documents.index", folder=wishes.folder_id), 303)


def accept_one(files: list[FileStorage], wishes: UploadWishes) -> ResponseReturnValue:
    """Answer a script, which sends one file at a time; a refusal becomes a problem document.

    `same_content` names a document that had these bytes before.
    """
    if len(files) != 1:
        raise UploadRefused("one_file_expected", "Send one file with each request.")
    document_id = store(files[0], wishes)
    summary = load_summary(db.session(), g.instance.id, document_id)
    address = url_for("documents.show", document_id=document_id)
    twin = same_content(db.session(), g.instance.id, summary.document)
    body = {
        "id": document_id,
        "url": address,
        "folder_id": summary.document.folder_id,
        "card": render_card(summary),
        "same_content": twin and {"url": url_for("documents.show", document_id=twin.id), "title": twin.title},
    }
    return body, 201, {"Location": address}


def store(file: FileStorage, wishes: UploadWishes) -> int:
    """Store one file and return the id of its document."""
    stored = store_upload(
        db.session(),
        cast(BinaryIO, file.stream),
        file.filename or "",
        wishes,
        Sender(g.instance.id, current_user.user.id),
        storage=services().storage,
        queue=services().queue,
    )
    return stored.document_id


def try_to_store(file: FileStorage, wishes: UploadWishes) -> Refusal | None:
    """Store one file of many; what goes wrong with it does not keep the others from being stored."""
    try:
        store(file, wishes)
    except MediaError as error:
        return Refusal(file.filename or "", error.message)
    return None


def tell_outcome(number: int, refusals: list[Refusal]) -> None:
    """Say on the next page what became of the files of a plain form."""
    accepted = number - len(refusals)
    if accepted:
        flash(f"{counted(accepted, 'file')} uploaded.", "success")
    if not number:
        flash(NO_FILE, "warning")
    if refusals:
        flash(refusal_text(refusals), "danger")


def refusal_text(refusals: list[Refusal]) -> str:
    """Name each refused file with its reason, a line each; a long list ends with the number of the others."""
    lines = [f"{counted(len(refusals), 'file was', 'files were')} refused:"]
    named = refusals[:NAMED_REFUSALS]
    lines += [f"{refusal.file_name[:NAMED_LENGTH]}: {refusal.reason}" for refusal in named]
    others = len(refusals) - len(named)
    if others > 0:
        lines.append(f"and {counted(others, 'other')}.")
    return "\n".join(lines)
