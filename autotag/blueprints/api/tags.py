"""The tags of an instance: list, add, rename, merge, delete."""

from typing import Any

from flask import g, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.api import blueprint
from autotag.blueprints.api.bulk_action_schemas import ACTION_HEADERS, BulkActionSchema, started
from autotag.blueprints.api.calls import Answer
from autotag.blueprints.api.cursors import read_cursor, sign_cursor
from autotag.blueprints.api.tag_schemas import (
    TagFilterSchema,
    TagMergeSchema,
    TagNameSchema,
    TagPageSchema,
    TagSchema,
    tag_answer,
)
from autotag.extensions import db
from autotag.models import Role, Tag
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk.merge import start_merge
from autotag.tagging.tags.edit import add_tag, delete_tag, rename_tag
from autotag.tagging.tags.listing import list_tags, load_tag, usage_of

TAG = "Tags"
ONE_TAG = "/tags/<int:tag_id>"
HEADERS = {"Location": {"description": "Address of the tag.", "schema": {"type": "string"}, "required": True}}


@blueprint.call(
    "GET",
    "/tags",
    Role.VIEWER,
    Answer(200, TagPageSchema),
    tag=TAG,
    problems=["foreign_cursor"],
    query=TagFilterSchema,
)
def list_all_tags(asked: dict[str, Any]) -> dict[str, object]:
    """List tags

    By name, with how many documents each is on. Go on with `next_cursor` until it is null.
    """
    order = asked["sort"]
    of = f"tags/{order}"
    page = list_tags(
        db.session(),
        g.instance.id,
        order=order,
        search=asked.get("q", ""),
        cursor=read_cursor(asked.get("cursor"), of),
        limit=asked["limit"],
    )
    return {
        "items": [tag_answer(usage) for usage in page.items],
        "next_cursor": sign_cursor(page.next_cursor, of),
    }


@blueprint.call(
    "POST",
    "/tags",
    Role.EDITOR,
    Answer(201, TagSchema, headers=HEADERS),
    tag=TAG,
    problems=["tag_name_taken"],
    json=TagNameSchema,
)
def add_one_tag(sent: dict[str, str]) -> ResponseReturnValue:
    """Add a tag

    It is on no document yet. Putting a tag on a document makes it as well.
    """
    with unit_of_work(db.session()) as work:
        tag = add_tag(work, g.instance.id, sent["name"])
    return answer_for(tag), 201, {"Location": url_for("api.show_tag", tag_id=tag.id)}


@blueprint.call("GET", ONE_TAG, Role.VIEWER, Answer(200, TagSchema), tag=TAG, problems=["tag_not_found"])
def show_tag(tag_id: int) -> dict[str, object]:
    """Show a tag"""
    return answer_for(load_tag(db.session(), g.instance.id, tag_id))


@blueprint.call(
    "PATCH",
    ONE_TAG,
    Role.EDITOR,
    Answer(200, TagSchema),
    tag=TAG,
    problems=["tag_not_found", "tag_name_taken"],
    json=TagNameSchema,
)
def rename_one_tag(sent: dict[str, str], tag_id: int) -> dict[str, object]:
    """Rename a tag

    All its documents follow. When another tag has the name, merge them instead.
    """
    person = current_user.user
    with unit_of_work(db.session()) as work:
        tag = rename_tag(work, g.instance.id, tag_id, sent["name"], actor=person.email, user_id=person.id)
    return answer_for(tag)


@blueprint.call("DELETE", ONE_TAG, Role.EDITOR, Answer(204), tag=TAG, problems=["tag_not_found"])
def delete_one_tag(tag_id: int) -> str:
    """Delete a tag

    It goes from all documents and cannot be brought back. Tagging them again does not put it back.
    """
    person = current_user.user
    with unit_of_work(db.session()) as work:
        delete_tag(work, g.instance.id, tag_id, actor=person.email, user_id=person.id)
    return ""


@blueprint.call(
    "POST",
    "/tags/merge",
    Role.EDITOR,
    Answer(202, BulkActionSchema, headers=ACTION_HEADERS),
    tag=TAG,
    problems=["tag_not_found", "nothing_to_merge"],
    json=TagMergeSchema,
)
def merge_some_tags(sent: dict[str, Any]) -> ResponseReturnValue:
    """Merge tags into one

    Their documents get the target, and who put a tag there stays known. Tags that are gone are left out. Answers with
    the bulk action that does it: at once when few documents have the tags, else in the background. Follow it until its
    state is no longer `running`. A merge cannot be undone.
    """
    person = current_user.user
    sources, target = set(sent["source_ids"]) - {sent["target_id"]}, sent["target_id"]
    with unit_of_work(db.session()) as work:
        action = start_merge(work, g.instance.id, sources, target, user_id=person.id, actor=person.email)
    return started(action)


def answer_for(tag: Tag) -> dict[str, object]:
    """Return what the API says of a tag now."""
    return tag_answer(usage_of(db.session(), tag))
