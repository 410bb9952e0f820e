"""The list of tags, one tag with its files, and suggestions for whoever types a name."""

from flask import g, render_template, request
from flask.typing import ResponseReturnValue

from autotag.blueprints.access import requires
from autotag.blueprints.tags import ONE_TAG, blueprint
from autotag.blueprints.tags.forms import TagNameForm, requested_order
from autotag.extensions import db
from autotag.media.library.library import list_documents
from autotag.media.library.query import DocumentQuery
from autotag.models import Role
from autotag.tagging.tags.edit import NameTaken
from autotag.tagging.tags.listing import TagOrder, list_tags, load_tag, suggestions, usage_by_provider

ORDERS = ((TagOrder.NAME, "Name"), (TagOrder.MOST_USED, "Most used"), (TagOrder.NEWEST, "Newest"))


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> ResponseReturnValue:
    """Show the tags with their usages, a page at a time."""
    return render_list(TagNameForm(formdata=None))


@blueprint.get("/suggestions")
@requires(Role.VIEWER)
def suggest() -> ResponseReturnValue:
    """Answer which names complete what somebody has typed."""
    return {"names": suggestions(db.session(), g.instance.id, request.args.get("q", ""))}


@blueprint.get(ONE_TAG)
@requires(Role.VIEWER)
def show(tag_id: int) -> ResponseReturnValue:
    """Show one tag and its files."""
    return render_tag(tag_id)


def render_list(form: TagNameForm, taken: NameTaken | None = None) -> str:
    """Render the list; `taken` is the tag whose name somebody tried to add."""
    order, search = requested_order(request.args), request.args.get("q", "").strip()
    cursor = request.args.get("cursor")
    page = list_tags(db.session(), g.instance.id, order=order, search=search, cursor=cursor)
    return render_template(
        "tags/index.html",
        page=page,
        order=order,
        orders=ORDERS,
        search=search,
        cursor=cursor,
        form=form,
        taken=taken,
    )


def render_tag(tag_id: int, form: TagNameForm | None = None, taken: NameTaken | None = None) -> str:
    """Render the page of one tag; `form` and `taken` are those of a renaming that was refused."""
    session = db.session()
    tag = load_tag(session, g.instance.id, tag_id)
    cursor = request.args.get("cursor")
    usage, providers = usage_by_provider(session, tag)
    return render_template(
        "tags/show.html",
        tag=tag,
        usage=usage,
        providers=providers,
        page=list_documents(session, g.instance.id, DocumentQuery(tags=(tag.name,)), cursor=cursor),
        cursor=cursor,
        form=form or TagNameForm(formdata=None, data={"name": tag.name}),
        is_refused=form is not None,
        taken=taken,
    )
