"""The page of Documents and Media: everything that stands on it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import g, request, url_for
from flask import session as cookie
from flask_login import current_user

from autotag.blueprints.documents.address import (
    Arguments,
    View,
    arguments_of,
    misread,
    pairs,
    query_from_arguments,
    view_from_arguments,
)
from autotag.blueprints.documents.cards import Place
from autotag.blueprints.documents.filter_labels import ORDERS, STATES, count_number, count_text, type_word
from autotag.blueprints.documents.reason_labels import reason_word
from autotag.extensions import db
from autotag.media.folders.folder_tree import TILES, folder_tiles, path_of
from autotag.media.library.library import WITH_OWNER, list_documents
from autotag.media.library.query import DocumentQuery, Order, owners_of, types_of
from autotag.media.library.query_plan import COUNTED_AT_MOST
from autotag.models import Folder, Role

REMEMBERED_VIEW = "view"
COLUMNS: tuple[tuple[str, tuple[Order, ...]], ...] = (
    ("Name", (Order.NAME, Order.NAME_DESCENDING)),
    ("Tags", ()),
    ("Type", ()),
    ("Size", (Order.LARGEST, Order.SMALLEST)),
    ("Owner", ()),
    ("Uploaded", (Order.NEWEST, Order.OLDEST)),
    ("State", ()),
)
KINDS = (("image/*", "All images"), ("video/*", "All videos"), ("audio/*", "All sounds"))


@dataclass(frozen=True, slots=True)
class Chip:
    """One active filter: what it says, and the address of the list without it."""

    kind: str
    text: str
    address: str


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column: where it leads if the table can be ordered by it, and how it is ordered by it now."""

    label: str
    address: str | None = None
    sorted: str | None = None


def shown_view() -> View:
    """Return how the list is to be shown: as the address says, and otherwise as it was shown last."""
    asked = view_from_arguments(request.args)
    remembered = cookie.get(REMEMBERED_VIEW, "")
    if asked is None:
        return View(remembered) if remembered in set(View) else View.CARDS
    if asked != remembered:
        cookie[REMEMBERED_VIEW] = asked.value
    return asked


def listing() -> dict[str, Any]:
    """Return what the template of the list works with. Raises FolderNotFound."""
    database, instance_id = db.session(), g.instance.id
    query, view = query_from_arguments(request.args), shown_view()
    cursor = request.args.get("cursor")
    path = path_of(database, instance_id, query.folder_id) if query.folder_id is not None else []
    options = WITH_OWNER if view is View.TABLE else ()
    page = list_documents(database, instance_id, query, cursor=cursor, options=options)
    arguments = arguments_of(query)
    people = owners_of(database, instance_id, query.owner_id)
    tiles_limit = None if request.args.get("folders") == "all" else TILES
    return {
        "query": query,
        "arguments": arguments,
        "kept": pairs(arguments),
        "place": Place(view, current_user.may(Role.EDITOR), arguments),
        "view": view,
        "page": page,
        "cursor": cursor,
        "count": count_text(page.total, page.is_least),
        "counted_at_most": COUNTED_AT_MOST,
        "path": path,
        "folder": path[-1] if path else None,
        "trail": trail_of(path),
        "open_folder_id": query.folder_id,
        "tiles": None
        if query.is_filtered or cursor
        else folder_tiles(database, instance_id, query.folder_id, limit=tiles_limit),
        "chips": chips(query, arguments, path, people),
        "misread": misread(request.args),
        "people": people,
        "types": type_choices(types_of(database, instance_id), query.mime_type),
        "matching": count_number(page.total, page.is_least) if page.items else None,
        "states": STATES,
        "orders": ORDERS,
        "order_links": order_links(query, arguments),
        "columns": columns(query, arguments) if view is View.TABLE else [],
        "views": list(View),
    }


def trail_of(path: list[Folder]) -> list[tuple[str, str]]:
    """Return the breadcrumb that leads down to a folder."""
    steps = [(step.name, url_for("documents.index", folder=step.id)) for step in path]
    return [("Documents and Media", url_for("documents.index")), *steps]


def in_order(arguments: Arguments, order: Order) -> str:
    """Return the address of the list in another order."""
    kept: dict[str, Any] = {key: value for key, value in arguments.items() if key != "order"}
    return url_for("documents.index", **kept, order=None if order is Order.NEWEST else order.value)


def order_links(query: DocumentQuery, arguments: Arguments) -> list[tuple[str, str, bool]]:
    """Return the orders to choose from: address, label, and whether it is the one that is shown."""
    return [(in_order(arguments, order), label, order is query.order) for order, label in ORDERS.items()]


def columns(query: DocumentQuery, arguments: Arguments) -> list[Column]:
    """Return the heads of the table; one that can be ordered by turns the order when it is chosen again."""
    found = []
    for label, orders in COLUMNS:
        if not orders:
            found.append(Column(label))
            continue
        here = query.order in orders
        target = orders[1] if query.order is orders[0] else orders[0]
        direction = ("descending" if query.order.is_descending else "ascending") if here else None
        found.append(Column(label, in_order(arguments, target), direction))
    return found


def chips(
    query: DocumentQuery, arguments: Arguments, path: list[Folder], people: dict[int, str]
) -> list[Chip]:
    """Return the active filters, a chip each. A folder is one only when something is looked for in it."""
    found = [("Search", query.text, "q")] if query.text else []
    found += [("Tag", name, "tag") for name in query.tags]
    if query.mime_type:
        found.append(("Type", type_word(query.mime_type), "type"))
    if query.owner_id is not None:
        found.append(("Owner", people.get(query.owner_id, "Somebody who is gone"), "owner"))
    if query.state is not None:
        found.append(("State", STATES[query.state], "state"))
    if query.reason_code is not None:
        found.append(("Reason", reason_word(query.reason_code), "reason"))
    if query.untagged:
        found.append(("Untagged", "", "untagged"))
    if path and query.is_filtered:
        found.append(("Folder", path[-1].name, "folder"))
    return [Chip(kind, text, address_without(arguments, name, text)) for kind, text, name in found]


def address_without(arguments: Arguments, name: str, text: str) -> str:
    """Return the address of the list without one argument, or without one of several tags."""
    kept = {key: value for key, value in arguments.items() if key != name}
    others = [tag for tag in arguments.get("tag", []) if tag != text]
    if name == "tag" and others:
        kept["tag"] = others
    return url_for("documents.index", **kept)  # type: ignore[arg-type]  # texts and lists of texts


def type_choices(types: Iterable[str], chosen: str) -> list[tuple[str, str]]:
    """Return what can be chosen as type: whole kinds where there are several of it, then each type."""
    there = sorted({*types, *([chosen] if chosen and not chosen.endswith("/*") else [])}, key=type_word)
    kinds = [
        (kind, label)
        for kind, label in KINDS
        if kind == chosen or sum(each.startswith(kind[:-1]) for each in there) > 1
    ]
    others = [(chosen, type_word(chosen))] if chosen.endswith("/*") and chosen not in dict(KINDS) else []
    return [*kinds, *others, *((each, type_word(each)) for each in there)]
