"""Adding, renaming and deleting a tag.

A tag that is deleted is gone from many files at once, with who put it there and how sure a provider was. None of that
is kept, so it cannot be undone, and is confirmed on a page that says how many files lose it.
"""

from flask import flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.presentation import counted
from autotag.blueprints.tags import ONE_TAG, blueprint
from autotag.blueprints.tags.forms import TagNameForm
from autotag.blueprints.tags.views import render_list, render_tag
from autotag.extensions import db
from autotag.models import Role
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.tags.edit import NameTaken, add_tag, delete_tag, rename_tag
from autotag.tagging.tags.listing import load_tag, usage_of
from autotag.tagging.tags.names import TaggingRefused


@blueprint.post("")
@requires(Role.EDITOR)
def create() -> ResponseReturnValue:
    """Add a tag."""
    form = TagNameForm()
    try:
        with unit_of_work(db.session()) as work:
            tag = add_tag(work, g.instance.id, form.name.data or "")
            tag_id, name = tag.id, tag.name
    except TaggingRefused as refused:
        form.refuse({"name": refused.message})
        return render_list(form, refused if isinstance(refused, NameTaken) else None), 422
    flash(f"{name} is added.", "success")
    return redirect(url_for("tags.show", tag_id=tag_id), 303)


@blueprint.post(f"{ONE_TAG}/rename")
@requires(Role.EDITOR)
def rename(tag_id: int) -> ResponseReturnValue:
    """Give a tag another name; when another tag has it, the page offers to merge them instead."""
    form = TagNameForm()
    former = load_tag(db.session(), g.instance.id, tag_id).name
    who = current_user.user
    try:
        with unit_of_work(db.session()) as work:
            name = form.name.data or ""
            tag = rename_tag(work, g.instance.id, tag_id, name, actor=who.email, user_id=who.id)
            renamed = tag.name
    except TaggingRefused as refused:
        form.refuse({"name": refused.message})
        return render_tag(tag_id, form, refused if isinstance(refused, NameTaken) else None), 422
    flash(f"{former} is {renamed} now.", "success")
    return redirect(url_for("tags.show", tag_id=tag_id), 303)


@blueprint.get(f"{ONE_TAG}/delete")
@requires(Role.EDITOR)
def confirm_deletion(tag_id: int) -> ResponseReturnValue:
    """Say how many files lose the tag, and ask."""
    tag = load_tag(db.session(), g.instance.id, tag_id)
    return render_template("tags/delete.html", tag=tag, usage=usage_of(db.session(), tag))


@blueprint.post(f"{ONE_TAG}/delete")
@requires(Role.EDITOR)
def delete(tag_id: int) -> ResponseReturnValue:
    """Delete a tag."""
    who = current_user.user
    with unit_of_work(db.session()) as work:
        name, files = delete_tag(work, g.instance.id, tag_id, actor=who.email, user_id=who.id)
    flash(f"{name} is deleted. It was on {counted(files, 'file')}.", "success")
    return redirect(url_for("tags.index"), 303)
