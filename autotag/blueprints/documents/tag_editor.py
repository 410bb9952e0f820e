"""Editing the tags of one document: by forms, and by the page's script without a reload."""

from flask import g, get_template_attribute, redirect, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.documents import ONE_DOCUMENT, blueprint
from autotag.blueprints.documents.bulk import carry_out
from autotag.blueprints.documents.choice import Choice
from autotag.blueprints.documents.page import Refused, address_of, list_arguments, parts_of, render_page
from autotag.blueprints.documents.undo_tokens import keep_for_next_page, seal, unseal
from autotag.blueprints.errors import problem, wants_problem
from autotag.extensions import db
from autotag.media.library.library import load_document, load_summary
from autotag.models import Role
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk.actions import BulkKind
from autotag.tagging.document_tags.assign import add_tags
from autotag.tagging.document_tags.remove_with_undo import RemovedTag, put_back, remove_tag, untag_document
from autotag.tagging.tags.names import TaggingRefused

ANCHOR = "tags"


@blueprint.post(f"{ONE_DOCUMENT}/tags")
@requires(Role.EDITOR)
def add(document_id: int) -> ResponseReturnValue:
    """Add tags by hand; commas part several."""
    load_document(db.session(), g.instance.id, document_id)
    typed = request.form.get("names", "")
    # Nothing at all is refused like an empty name.
    names = [name for name in typed.split(",") if name.strip()] or [""]
    try:
        with unit_of_work(db.session()) as work:
            add_tags(work, g.instance.id, [document_id], names, user_id=current_user.user.id)
    except TaggingRefused as error:
        if wants_problem():
            return problem(422, error.code, error.message)
        summary = load_summary(db.session(), g.instance.id, document_id)
        return render_page(summary, Refused(names=typed, names_reason=error.message)), 422
    return shown(document_id)


@blueprint.post(f"{ONE_DOCUMENT}/tags/remove")
@requires(Role.EDITOR)
def remove(document_id: int) -> ResponseReturnValue:
    """Take a tag off and offer to undo it; it is remembered, so that no provider puts it back."""
    with unit_of_work(db.session()) as work:
        removed = remove_tag(
            work, g.instance.id, document_id, request.form.get("name", ""), user_id=current_user.user.id
        )
    return shown(document_id, [removed] if removed else [])


@blueprint.post(f"{ONE_DOCUMENT}/tags/put-back")
@requires(Role.EDITOR)
def undo_removal(document_id: int) -> ResponseReturnValue:
    """Put tags back as they were before they were taken off."""
    removed = unseal(document_id, request.form.get("removed", ""))
    with unit_of_work(db.session()) as work:
        put_back(work, g.instance.id, document_id, removed)
    return shown(document_id)


@blueprint.post(f"{ONE_DOCUMENT}/untag")
@requires(Role.EDITOR)
def untag(document_id: int) -> ResponseReturnValue:
    """Take the automatic tags off and offer to undo it."""
    with unit_of_work(db.session()) as work:
        removed = untag_document(work, g.instance.id, document_id)
    return shown(document_id, removed)


@blueprint.post(f"{ONE_DOCUMENT}/keep-tags")
@requires(Role.EDITOR)
def keep(document_id: int) -> ResponseReturnValue:
    """Turn the automatic tags into ordinary ones, and offer to undo it."""
    load_document(db.session(), g.instance.id, document_id)
    # To the top of the page, where the notice with its button stands.
    return carry_out(BulkKind.COMMIT, Choice(ids=(document_id,), back=address_of(document_id)))


def shown(document_id: int, removed: list[RemovedTag] | None = None) -> ResponseReturnValue:
    """Lead back to the page, or answer a script with what changed on it; what was removed can be put back."""
    if not wants_problem():
        if removed:
            keep_for_next_page(document_id, removed)
        return redirect(address_of(document_id, ANCHOR), 303)
    answer = parts_of(document_id)
    if removed:
        notice = get_template_attribute("components/removed_tags.html", "removed_tags")
        answer["notice"] = notice(document_id, list_arguments(), seal(document_id, removed), removed)
    return answer
