"""Documents: list, look, change, delete."""

from typing import Any

from flask import g
from flask_login import current_user

from autotag.blueprints.api import blueprint
from autotag.blueprints.api.calls import Answer
from autotag.blueprints.api.cursors import read_cursor, sign_cursor
from autotag.blueprints.api.document_schemas import (
    DocumentChangeSchema,
    DocumentFilterSchema,
    DocumentPageSchema,
    DocumentSchema,
    document_answer,
)
from autotag.extensions import db
from autotag.media.folders.folder_tree import load_folder
from autotag.media.folders.moving import move_documents
from autotag.media.library.editing import edit_texts
from autotag.media.library.library import list_documents, load_document, load_summary
from autotag.media.library.query import DocumentQuery, Selection
from autotag.models import Role
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk.actions import BulkKind, start_action

TAG = "Documents"
# Without limits: of several rules for one address, a number beyond them would be a method that is not allowed.
ONE_DOCUMENT = "/documents/<int:document_id>"
CHANGE_PROBLEMS = ["document_not_found", "folder_not_found"]


@blueprint.call(
    "GET",
    "/documents",
    Role.VIEWER,
    Answer(200, DocumentPageSchema),
    tag=TAG,
    problems=["folder_not_found", "foreign_cursor"],
    query=DocumentFilterSchema,
)
def list_all_documents(asked: dict[str, Any]) -> dict[str, object]:
    """List documents

    Without a filter all that are not in the recycle bin, newest first. Go on with `next_cursor` until it is null.
    """
    session, instance_id = db.session(), g.instance.id
    folder_id = asked.get("folder_id")
    if folder_id is not None:
        load_folder(session, instance_id, folder_id)
    query = DocumentQuery(
        text=asked.get("q", "").replace("\0", " "),
        tags=tuple(name.replace("\0", " ") for name in asked.get("tag", ())),
        state=asked.get("state"),
        folder_id=folder_id,
        order=asked["sort"],
    ).reaching_below()
    of = f"documents/{query.order}"
    cursor = read_cursor(asked.get("cursor"), of)
    page = list_documents(session, instance_id, query, cursor=cursor, limit=asked["limit"])
    return {
        "items": [document_answer(summary) for summary in page.items],
        "next_cursor": sign_cursor(page.next_cursor, of),
    }


@blueprint.call(
    "GET", ONE_DOCUMENT, Role.VIEWER, Answer(200, DocumentSchema), tag=TAG, problems=["document_not_found"]
)
def show_document(document_id: int) -> dict[str, object]:
    """Show a document with its tags"""
    return answer_for(document_id)


@blueprint.call(
    "PATCH",
    ONE_DOCUMENT,
    Role.EDITOR,
    Answer(200, DocumentSchema),
    tag=TAG,
    problems=CHANGE_PROBLEMS,
    json=DocumentChangeSchema,
)
def change_document(change: dict[str, Any], document_id: int) -> dict[str, object]:
    """Change title, description or folder

    What is not sent stays as it is.
    """
    with unit_of_work(db.session()) as work:
        texts = {name: change[name] for name in ("title", "description") if name in change}
        edit_texts(work, g.instance.id, document_id, **texts)
        if "folder_id" in change:
            move_documents(work, g.instance.id, [document_id], change["folder_id"])
    return answer_for(document_id)


@blueprint.call(
    "DELETE",
    ONE_DOCUMENT,
    Role.EDITOR,
    Answer(204),
    tag=TAG,
    problems=["document_not_found", "nothing_selected"],
)
def delete_document(document_id: int) -> str:
    """Put a document into the recycle bin

    It keeps its tags and versions there and can be restored on the page of the bin.
    """
    load_document(db.session(), g.instance.id, document_id)
    person = current_user.user
    with unit_of_work(db.session()) as work:
        chosen = Selection(ids=(document_id,))
        start_action(work, g.instance.id, BulkKind.DELETE, chosen, user_id=person.id, actor=person.email)
    return ""


def answer_for(document_id: int) -> dict[str, object]:
    """Return what the API says of a document now. Raises DocumentNotFound."""
    return document_answer(load_summary(db.session(), g.instance.id, document_id))
