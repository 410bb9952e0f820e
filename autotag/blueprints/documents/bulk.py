"""What is done to many documents from a list: the buttons of the bar under it, and the delete button of one."""

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any, TypeVar

from flask import Response, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.documents import ONE_DOCUMENT, blueprint
from autotag.blueprints.documents.bulk_labels import tell_outcome
from autotag.blueprints.documents.choice import Choice, NothingChosen, requested_back, requested_choice
from autotag.blueprints.errors import problem, wants_problem
from autotag.blueprints.long_answers import holds_thread
from autotag.blueprints.services import services
from autotag.extensions import db
from autotag.media.errors import FolderNotFound
from autotag.media.library.download import DownloadRefused, Entry, archive_entries, originals, stream_archive
from autotag.media.library.library import load_document
from autotag.models import BulkActionState, Role, RunScope
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk.actions import BulkKind, start_action
from autotag.tagging.document_tags.tagged_copies import stream_tagged_archive
from autotag.tagging.document_tags.tags_for_copies import tags_of_documents
from autotag.tagging.runs.lifecycle import start_run
from autotag.tagging.tags.counts import count_chosen
from autotag.tagging.tags.names import TaggingRefused

PAGES = ("tags", "move", "untag", "commit")
"""What asks something before it is done; each has a page of its own."""

WITH_TAGS = "with_tags"

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])


def refusable(view: View) -> View:
    """Lead back to the list when nothing is chosen or what is asked cannot be done, and say why."""

    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        try:
            return view(*args, **kwargs)
        except (NothingChosen, TaggingRefused, DownloadRefused, FolderNotFound) as refused:
            text = getattr(refused, "message", "") or str(refused)
            if wants_problem():
                return problem(422, getattr(refused, "code", "nothing_selected"), text)
            flash(text, "warning")
            return redirect(requested_back(), 303)

    return checked  # type: ignore[return-value]  # it has the type of the view, which mypy cannot tell


@blueprint.post("/documents/bulk")
@requires(Role.EDITOR)
@refusable
def bulk() -> ResponseReturnValue:
    """Lead from the bar to the page that asks what is to be done."""
    page = request.form.get("page", "")
    choice = requested_choice()
    if page not in PAGES:
        raise NothingChosen("Choose what to do with the files.")
    return redirect(url_for(f"documents.bulk_{page}", **choice.fields), 303)


@blueprint.post("/documents/bulk/delete")
@requires(Role.EDITOR)
@refusable
def bulk_delete() -> ResponseReturnValue:
    """Put the chosen documents into the recycle bin."""
    return carry_out(BulkKind.DELETE, requested_choice())


@blueprint.post(f"{ONE_DOCUMENT}/delete")
@requires(Role.EDITOR)
def delete(document_id: int) -> ResponseReturnValue:
    """Put one document into the recycle bin and go back to the list."""
    document = load_document(db.session(), g.instance.id, document_id)
    return carry_out(BulkKind.DELETE, Choice(ids=(document.id,), back=requested_back()))


@blueprint.post("/documents/bulk/tag-again")
@requires(Role.EDITOR)
@refusable
def bulk_tag_again() -> ResponseReturnValue:
    """Start a run over the chosen documents and lead to its page."""
    choice = requested_choice()
    with unit_of_work(db.session()) as work:
        run = start_run(
            work,
            g.instance.id,
            scope=RunScope.SELECTION,
            selection=choice.selection,
            covers=covers_of(choice),
            user_id=current_user.user.id,
        )
        run_id = run.id
    return redirect(url_for("runs.show", run_id=run_id), 303)


@blueprint.post("/documents/bulk/download")
@requires(Role.VIEWER)
@refusable
def bulk_choose_download() -> ResponseReturnValue:
    """Lead from the bar to the address of the archive."""
    fields = requested_choice().fields
    if request.form.get(WITH_TAGS) == "1":
        fields[WITH_TAGS] = "1"
    return redirect(url_for("documents.bulk_download", **fields), 303)


@blueprint.get("/documents/bulk/download")
@requires(Role.VIEWER)
@refusable
@holds_thread
def bulk_download() -> ResponseReturnValue:
    """Send the chosen files as one zip, which is made while it is sent; with their tags in them when that is asked."""
    choice = requested_choice()
    entries = archive_entries(db.session(), g.instance.id, choice.selection, until=choice.until)
    response = Response(archive_of(entries, request.args.get(WITH_TAGS) == "1"), mimetype="application/zip")
    name = f"autotag-{len(entries)}-files.zip" if len(entries) > 1 else "autotag-1-file.zip"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    # A server in front must not collect it first.
    response.headers["X-Accel-Buffering"] = "no"
    return response


def archive_of(entries: Sequence[Entry], with_tags: bool) -> Iterator[bytes]:
    """Return the bytes of an archive of the originals, or of copies with their tags written into them."""
    storage = services().storage
    if not with_tags:
        return stream_archive(entries, originals(storage))
    tags = tags_of_documents(db.session(), g.instance.id, [entry.document_id for entry in entries])
    return stream_tagged_archive(entries, storage, tags)


def carry_out(kind: BulkKind, choice: Choice, **parameters: object) -> ResponseReturnValue:
    """Do it, say what was done, and go back; many documents are worked off on a page of their own."""
    with unit_of_work(db.session()) as work:
        action = start_action(
            work,
            g.instance.id,
            kind,
            choice.selection,
            user_id=current_user.user.id,
            actor=current_user.user.email,
            parameters=parameters,
            until=choice.until,
        )
    if wants_problem():
        return {"id": action.id, "state": action.state, "done": action.done, "total": action.total}
    if action.state == BulkActionState.RUNNING:
        return redirect(url_for("bulk_actions.show", action_id=action.id, back=choice.back), 303)
    tell_outcome(action)
    return redirect(choice.back, 303)


def covers_of(choice: Choice) -> str:
    """Say in words what a run is over."""
    query = choice.selection.query
    if query is None:
        return "Selected files"
    filters = [
        query.text,
        *query.tags,
        query.mime_type,
        "untagged" if query.untagged else "",
        query.state or "",
    ]
    return ", ".join(text for text in filters if text) or "All files of a list"


def count_of(choice: Choice) -> int:
    """Count the documents that are chosen and still there."""
    return count_chosen(db.session(), g.instance.id, choice.selection, choice.until)


def nothing_left() -> NothingChosen:
    """Return what to raise when all that was chosen is gone."""
    return NothingChosen("None of the selected files is here any more.")
