"""The pages of the recycle bin. Whoever may delete may also restore and delete for good: editors."""

from datetime import UTC, datetime

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from autotag.blueprints.access import requires
from autotag.blueprints.documents.bulk import carry_out
from autotag.blueprints.documents.choice import Choice, NothingChosen, requested_choice
from autotag.blueprints.documents.files import sealed, send_picture
from autotag.blueprints.numbers import MAXIMUM_ID, read_number
from autotag.blueprints.recycle_bin import blueprint
from autotag.extensions import db
from autotag.media.bin.deletion_batch import Position, count_in_bin, list_bin, load_binned
from autotag.media.storage.renditions import thumbnail_key
from autotag.models import Role
from autotag.tagging.bulk.actions import BulkKind
from autotag.tagging.tags.names import TaggingRefused


@blueprint.get("")
@requires(Role.EDITOR)
def index() -> ResponseReturnValue:
    """Show what lies in the bin, a page at a time."""
    behind = read_position(request.args.get("cursor", ""))
    page = list_bin(db.session(), g.instance.id, behind=behind)
    cursor = write_position(page.next_position) if page.next_position else None
    return render_template("recycle_bin/index.html", page=page, cursor=cursor, is_first=behind is None)


@blueprint.get(f"/<int(max={MAXIMUM_ID}):deleted_id>/thumbnail")
@sealed
@requires(Role.EDITOR)
def thumbnail(deleted_id: int) -> ResponseReturnValue:
    """Send the small picture of a document in the bin."""
    document = load_binned(db.session(), g.instance.id, deleted_id)
    return send_picture(document, thumbnail_key)


@blueprint.post("/restore")
@requires(Role.EDITOR)
def restore() -> ResponseReturnValue:
    """Take documents out of the bin, back to where they lay."""
    return done_or_told(BulkKind.RESTORE)


@blueprint.post("/delete")
@requires(Role.EDITOR)
def choose_purge() -> ResponseReturnValue:
    """Lead from the list to the question whether to delete for good."""
    try:
        choice = chosen()
    except NothingChosen as nothing:
        flash(str(nothing), "warning")
        return redirect(url_for("recycle_bin.index"), 303)
    return redirect(url_for("recycle_bin.confirm_purge", **choice.fields), 303)


@blueprint.get("/delete-for-good")
@requires(Role.EDITOR)
def confirm_purge() -> ResponseReturnValue:
    """Ask before documents are deleted for good, because that cannot be undone."""
    try:
        choice = chosen()
    except NothingChosen:
        return redirect(url_for("recycle_bin.index"), 303)
    total = count_in_bin(db.session(), g.instance.id, choice.selection, choice.until)
    if not total:
        return redirect(url_for("recycle_bin.index"), 303)
    return render_template("recycle_bin/delete.html", choice=choice, total=total)


@blueprint.post("/delete-for-good")
@requires(Role.EDITOR)
def purge() -> ResponseReturnValue:
    """Delete documents of the bin for good."""
    return done_or_told(BulkKind.PURGE)


def done_or_told(kind: BulkKind) -> ResponseReturnValue:
    """Do it to what was chosen in the bin, or say why not."""
    try:
        return carry_out(kind, chosen())
    except (NothingChosen, TaggingRefused) as refused:
        flash(getattr(refused, "message", "") or str(refused), "warning")
        return redirect(url_for("recycle_bin.index"), 303)


def chosen() -> Choice:
    """Read which documents of the bin the request is about. Raises NothingChosen."""
    choice = requested_choice(in_bin=True)
    return Choice(
        ids=choice.ids,
        is_all=choice.is_all,
        until=choice.until,
        in_bin=True,
        back=url_for("recycle_bin.index"),
    )


def write_position(position: Position) -> str:
    """Write a position in the bin for an address."""
    moment, document_id = position
    return f"{moment.astimezone(UTC):%Y%m%d%H%M%S%f}-{document_id}"


def read_position(text: str) -> Position | None:
    """Read a position; None, the beginning, for one that cannot be read."""
    moment, _, digits = text.partition("-")
    number = read_number(digits)
    if number is None or not moment.isascii():
        return None
    try:
        return datetime.strptime(moment, "%Y%m%d%H%M%S%f").replace(tzinfo=UTC), number
    except ValueError:
        return None
