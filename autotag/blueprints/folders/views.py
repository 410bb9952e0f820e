"""What people do with folders. Each act ends on the page of the folder that it was about."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, TypeVar

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.documents.listing import trail_of
from autotag.blueprints.errors import problem, wants_problem
from autotag.blueprints.folders import ONE_FOLDER, blueprint
from autotag.blueprints.notices import flash_undo
from autotag.blueprints.numbers import read_number
from autotag.extensions import db
from autotag.media.errors import FolderNotFound, FolderRefused
from autotag.media.folders import folders
from autotag.media.folders.folder_tree import descendant_ids, folder_choices, path_of
from autotag.media.library.folder_paths import SEPARATOR
from autotag.models import Role
from autotag.models.unit_of_work import unit_of_work

STAMP = "%Y%m%d%H%M%S%f"
LONGEST_PATH = 1000
"""The way back is kept in a cookie until the next page, and a cookie is small."""

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])


def refusable(view: View) -> View:
    """Say on the page that one came from why something cannot be done."""

    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        try:
            return view(*args, **kwargs)
        except FolderRefused as refused:
            if wants_problem():
                return problem(422, refused.code, refused.message)
            flash(refused.message, "danger")
            return to_folder(kwargs.get("folder_id") or sent_folder("parent"))

    return checked  # type: ignore[return-value]  # what it takes and gives is the view's


def to_folder(folder_id: int | None) -> ResponseReturnValue:
    """Lead to the page of a folder, or to the top."""
    return redirect(url_for("documents.index", folder=folder_id), 303)


def sent_folder(name: str) -> int | None:
    """Read the folder that a field names; an empty one means the top. Raises FolderNotFound."""
    text = request.form.get(name, "")
    if not text:
        return None
    folder_id = read_number(text)
    if folder_id is None:
        raise FolderNotFound(0)
    return folder_id


@blueprint.post("")
@requires(Role.EDITOR)
@refusable
def create() -> ResponseReturnValue:
    """Make a folder and open it."""
    with unit_of_work(db.session()) as work:
        name, parent_id = request.form.get("name", ""), sent_folder("parent")
        folder_id = folders.create_folder(work, g.instance.id, name, parent_id=parent_id).id
    return to_folder(folder_id)


@blueprint.post(f"{ONE_FOLDER}/rename")
@requires(Role.EDITOR)
@refusable
def rename(folder_id: int) -> ResponseReturnValue:
    """Give a folder another name."""
    with unit_of_work(db.session()) as work:
        folders.rename_folder(work, g.instance.id, folder_id, request.form.get("name", ""))
    return to_folder(folder_id)


@blueprint.get(f"{ONE_FOLDER}/move")
@requires(Role.EDITOR)
def choose_place(folder_id: int) -> ResponseReturnValue:
    """Show the folders that a folder can be moved into."""
    path = path_of(db.session(), g.instance.id, folder_id)
    inside = descendant_ids(db.session(), g.instance.id, folder_id)
    choices = [one for one in folder_choices(db.session(), g.instance.id) if one.id not in inside]
    return render_template(
        "folders/move.html", folder=path[-1], trail=[*trail_of(path), ("Move", "")], choices=choices
    )


@blueprint.post(f"{ONE_FOLDER}/move")
@requires(Role.EDITOR)
@refusable
def move(folder_id: int) -> ResponseReturnValue:
    """Put a folder into another one."""
    with unit_of_work(db.session()) as work:
        folders.move_folder(work, g.instance.id, folder_id, sent_folder("parent"))
    return to_folder(folder_id)


@blueprint.post(f"{ONE_FOLDER}/delete")
@requires(Role.EDITOR)
def delete(folder_id: int) -> ResponseReturnValue:
    """Put the files of a folder into the recycle bin, remove it, and offer to take that back."""
    with unit_of_work(db.session()) as work:
        deleted = folders.delete_folder(work, g.instance.id, folder_id, user_id=current_user.user.id)
    name = deleted.path.rpartition(SEPARATOR)[2]
    text = f"The folder {name[:80]} is deleted; its files are in the recycle bin."
    path = deleted.path if len(deleted.path) <= LONGEST_PATH else None
    stamp = deleted.stamp.astimezone(UTC).strftime(STAMP)
    flash_undo(text, "folders.restore", stamp=stamp, path=path)
    return to_folder(deleted.parent_id)


@blueprint.post("/restore")
@requires(Role.EDITOR)
@refusable
def restore() -> ResponseReturnValue:
    """Take a deletion back, which only the person who deleted can."""
    try:
        stamp = datetime.strptime(request.args.get("stamp", ""), STAMP).replace(tzinfo=UTC)
    except ValueError:
        flash("That cannot be taken back any more. Look into the recycle bin.", "warning")
        return to_folder(None)
    path = request.args.get("path", "")[:LONGEST_PATH]
    with unit_of_work(db.session()) as work:
        folder_id = folders.restore_folder(work, g.instance.id, path, stamp, user_id=current_user.user.id)
    return to_folder(folder_id)
