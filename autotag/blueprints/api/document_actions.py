"""What is done to one document: its tags, tagging it again, and what becomes of the automatic ones."""

from flask import g, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.api import blueprint
from autotag.blueprints.api.calls import Answer
from autotag.blueprints.api.document_schemas import DocumentSchema, NewTagsSchema
from autotag.blueprints.api.documents import ONE_DOCUMENT, TAG, answer_for
from autotag.blueprints.api.run_schemas import RUN_HEADERS, RunSchema, run_answer
from autotag.blueprints.errors import Problem
from autotag.extensions import db
from autotag.media.library.library import load_document
from autotag.media.library.query import Selection
from autotag.models import Role, RunScope
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.document_tags.assign import add_tags, commit_tags
from autotag.tagging.document_tags.remove_with_undo import remove_tag, untag_document
from autotag.tagging.runs.lifecycle import start_run


@blueprint.call(
    "POST",
    f"{ONE_DOCUMENT}/tags",
    Role.EDITOR,
    Answer(200, DocumentSchema),
    tag=TAG,
    problems=["document_not_found"],
    json=NewTagsSchema,
)
def add_document_tags(sent: dict[str, list[str]], document_id: int) -> dict[str, object]:
    """Put tags on a document

    Tags that do not exist yet are made; an automatic tag of that name becomes a manual one.
    """
    load_document(db.session(), g.instance.id, document_id)
    with unit_of_work(db.session()) as work:
        add_tags(work, g.instance.id, [document_id], sent["tags"], user_id=current_user.user.id)
    return answer_for(document_id)


@blueprint.call(
    "DELETE",
    f"{ONE_DOCUMENT}/tags/<string:name>",
    Role.EDITOR,
    Answer(204),
    tag=TAG,
    problems=["document_not_found", "tag_not_found"],
)
def remove_document_tag(document_id: int, name: str) -> str:
    """Take a tag off a document

    It is remembered: no provider puts it back on this document.
    """
    with unit_of_work(db.session()) as work:
        wanted = name.replace("\0", " ")
        removed = remove_tag(work, g.instance.id, document_id, wanted, user_id=current_user.user.id)
    if removed is None:
        raise Problem(404, "tag_not_found", "The document does not have this tag.")
    return ""


@blueprint.call(
    "POST",
    f"{ONE_DOCUMENT}/retag",
    Role.EDITOR,
    Answer(201, RunSchema, headers=RUN_HEADERS),
    tag=TAG,
    problems=["document_not_found", "nothing_to_tag", "switched_off"],
)
def retag_document(document_id: int) -> ResponseReturnValue:
    """Tag a document again

    Starts a run over it. What is on it stays, and what a person took off does not come back.
    """
    document = load_document(db.session(), g.instance.id, document_id)
    covers = document.title
    with unit_of_work(db.session()) as work:
        run = start_run(
            work,
            g.instance.id,
            scope=RunScope.SELECTION,
            selection=Selection((document_id,)),
            covers=covers,
            user_id=current_user.user.id,
        )
    address = url_for("api.show_run", run_id=run.id)
    return run_answer(db.session(), run), 201, {"Location": address}


@blueprint.call(
    "POST",
    f"{ONE_DOCUMENT}/untag",
    Role.EDITOR,
    Answer(200, DocumentSchema),
    tag=TAG,
    problems=["document_not_found"],
)
def untag_one_document(document_id: int) -> dict[str, object]:
    """Take the automatic tags off a document"""
    with unit_of_work(db.session()) as work:
        untag_document(work, g.instance.id, document_id)
    return answer_for(document_id)


@blueprint.call(
    "POST",
    f"{ONE_DOCUMENT}/commit",
    Role.EDITOR,
    Answer(200, DocumentSchema),
    tag=TAG,
    problems=["document_not_found"],
)
def commit_one_document(document_id: int) -> dict[str, object]:
    """Turn the automatic tags of a document into ordinary ones"""
    load_document(db.session(), g.instance.id, document_id)
    with unit_of_work(db.session()) as work:
        commit_tags(work, g.instance.id, [document_id], user_id=current_user.user.id)
    return answer_for(document_id)
