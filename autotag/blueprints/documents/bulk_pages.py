"""The pages that ask before something is done to many documents; with scripts each opens in a dialog."""

from dataclasses import dataclass

from flask import g, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from autotag.blueprints.access import requires
from autotag.blueprints.documents import blueprint
from autotag.blueprints.documents.bulk import carry_out, count_of, nothing_left, refusable
from autotag.blueprints.documents.choice import Choice, NothingChosen, requested_choice
from autotag.blueprints.numbers import read_number
from autotag.extensions import db
from autotag.media.folders.folder_tree import folder_choices
from autotag.models import Role
from autotag.tagging.bulk.actions import AT_ONCE, BulkKind
from autotag.tagging.tags.counts import count_automatic, count_tags
from autotag.tagging.tags.names import TaggingRefused

LONGEST_NAMES = 2000
WHAT_TO_CHANGE = "Enter a tag to add, or choose one to remove."
WHAT_TO_ADD = "Enter the tags that the files are to have."


@dataclass(frozen=True, slots=True)
class TagEdit:
    """What a person asks of the tags: `typed` is as it was typed, with commas between names."""

    typed: str = ""
    removed: tuple[str, ...] = ()
    replacing: bool = False

    @classmethod
    def of_form(cls, form: MultiDict[str, str]) -> "TagEdit":
        """Read what a form says; what is ticked for removal counts only when nothing is replaced."""
        replacing = form.get("mode") == "replace"
        removed = () if replacing else tuple(form.getlist("remove"))
        return cls(form.get("names", "")[:LONGEST_NAMES], removed, replacing)

    @property
    def names(self) -> list[str]:
        """The typed names."""
        return [name for name in self.typed.split(",") if name.strip()]

    @property
    def says_nothing(self) -> bool:
        """Whether nothing is to be added or removed. Replacing all tags by none is taken for an oversight."""
        return not self.names and not self.removed


NO_EDIT = TagEdit()


@blueprint.get("/documents/bulk/tags")
@requires(Role.EDITOR)
@refusable
def bulk_tags() -> ResponseReturnValue:
    """Show the tags that the chosen documents have, to add, remove or replace."""
    return render_tags(requested_choice())


@blueprint.post("/documents/bulk/tags")
@requires(Role.EDITOR)
@refusable
def bulk_save_tags() -> ResponseReturnValue:
    """Change the tags of the chosen documents."""
    choice = requested_choice()
    edit = TagEdit.of_form(request.form)
    try:
        if edit.says_nothing:
            return render_tags(choice, edit, WHAT_TO_ADD if edit.replacing else WHAT_TO_CHANGE), 422
        if edit.replacing:
            return carry_out(BulkKind.REPLACE_TAGS, choice, add=edit.names)
        return carry_out(BulkKind.EDIT_TAGS, choice, add=edit.names, remove=edit.removed)
    except TaggingRefused as refused:
        if refused.code != "tag_name":
            raise
        return render_tags(choice, edit, refused.message), 422


@blueprint.get("/documents/bulk/move")
@requires(Role.EDITOR)
@refusable
def bulk_move() -> ResponseReturnValue:
    """Show the folders that the chosen documents can be moved to."""
    choice = requested_choice()
    return render_template(
        "documents/bulk_move.html",
        choice=choice,
        total=counted_or_refused(choice),
        at_once=AT_ONCE,
        folders=folder_choices(db.session(), g.instance.id),
    )


@blueprint.post("/documents/bulk/move")
@requires(Role.EDITOR)
@refusable
def bulk_save_move() -> ResponseReturnValue:
    """Move the chosen documents."""
    choice, place = requested_choice(), request.form.get("folder", "")
    folder_id = read_number(place)
    if folder_id is None and place != "top":
        raise NothingChosen("Choose a folder to move the files to.")
    return carry_out(BulkKind.MOVE, choice, folder_id=folder_id)


@blueprint.get("/documents/bulk/untag")
@requires(Role.EDITOR)
@refusable
def bulk_untag() -> ResponseReturnValue:
    """Ask before automatic tags are removed."""
    return render_question("untag", requested_choice())


@blueprint.post("/documents/bulk/untag")
@requires(Role.EDITOR)
@refusable
def bulk_do_untag() -> ResponseReturnValue:
    """Take the automatic tags off the chosen documents."""
    return carry_out(BulkKind.UNTAG, requested_choice())


@blueprint.get("/documents/bulk/commit")
@requires(Role.EDITOR)
@refusable
def bulk_commit() -> ResponseReturnValue:
    """Ask before automatic tags become ordinary ones."""
    return render_question("commit", requested_choice())


@blueprint.post("/documents/bulk/commit")
@requires(Role.EDITOR)
@refusable
def bulk_do_commit() -> ResponseReturnValue:
    """Turn the automatic tags of the chosen documents into ordinary ones."""
    return carry_out(BulkKind.COMMIT, requested_choice())


def render_question(kind: str, choice: Choice) -> str:
    """Render a page that says how many tags it is about, and asks whether to do it."""
    total = counted_or_refused(choice)
    automatic = count_automatic(db.session(), g.instance.id, choice.selection, choice.until)
    return render_template(f"documents/bulk_{kind}.html", choice=choice, total=total, automatic=automatic)


def render_tags(choice: Choice, edit: TagEdit = NO_EDIT, reason: str = "") -> str:
    """Render the page on which tags are changed, with what was typed and why it was refused."""
    counts = count_tags(db.session(), g.instance.id, choice.selection, choice.until)
    if not counts.total:
        raise nothing_left()
    return render_template("documents/bulk_tags.html", choice=choice, counts=counts, edit=edit, reason=reason)


def counted_or_refused(choice: Choice) -> int:
    """Count the chosen documents. Raises NothingChosen when none is there any more."""
    total = count_of(choice)
    if not total:
        raise nothing_left()
    return total
