"""Reading tags: the list with usages, suggestions while somebody types, and the facts of one tag.

A usage is a document outside the recycle bin. Usages are counted over an index, for the tags of the page alone, and
what lies in the recycle bin is taken off: the bin is small, the library is not.
"""

import base64
import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session

from autotag.media.library.query_plan import LOOKED_AT
from autotag.models import AssignmentSource, Document, Tag, TagAssignment
from autotag.models.names import fold

LARGEST_ID = 2**31 - 1
LONGEST_SEARCH = 200
MOST_SUGGESTIONS = 20


class TagNotFound(Exception):
    """The instance has no tag with this id."""

    def __init__(self, tag_id: int) -> None:
        super().__init__(f"tag {tag_id} not found")
        self.tag_id = tag_id


class TagOrder(StrEnum):
    """In which order tags are listed."""

    NAME = "name"
    MOST_USED = "most-used"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class TagUsage:
    """A tag and on how many documents it is: put there by people, and by providers.

    With `is_least` it may be on more: too many would have to be looked at to know.
    """

    id: int
    name: str
    manual: int
    automatic: int
    is_least: bool = False

    @property
    def total(self) -> int:
        """How many documents have the tag."""
        return self.manual + self.automatic


@dataclass(frozen=True, slots=True)
class TagPage:
    """One page of the list; `next_cursor` leads to the next one, None at the end. `total` counts the whole list."""

    items: list[TagUsage]
    next_cursor: str | None
    total: int


@dataclass(frozen=True, slots=True)
class ProviderUsage:
    """How many documents have a tag from one provider."""

    provider: str
    documents: int


def load_tag(session: Session, instance_id: int, tag_id: int) -> Tag:
    """Return one tag of this instance. Raises TagNotFound, for another instance's tag as well."""
    tag = None
    if 0 < tag_id <= LARGEST_ID:
        tag = session.scalar(select(Tag).where(Tag.instance_id == instance_id, Tag.id == tag_id))
    if tag is None:
        raise TagNotFound(tag_id)
    return tag


def find_tag(session: Session, instance_id: int, name: str) -> Tag | None:
    """Return the instance's tag of this name, whatever its case."""
    return session.scalar(
        select(Tag).where(Tag.instance_id == instance_id, Tag.normalized_name == fold(name))
    )


def usage_of(session: Session, tag: Tag) -> TagUsage:
    """Return on how many documents a tag is."""
    return _usages(session, tag.instance_id, [(tag.id, tag.name)])[0]


def usages_of(session: Session, instance_id: int, tag_ids: Collection[int]) -> list[TagUsage]:
    """Return those of the tags that are there, by name, with on how many documents each is."""
    rows = session.execute(
        select(Tag.id, Tag.name)
        .where(Tag.owned_by(instance_id), Tag.id.in_(tag_ids))
        .order_by(Tag.normalized_name)
    )
    return _usages(session, instance_id, [(row[0], row[1]) for row in rows])


def usage_by_provider(session: Session, tag: Tag) -> tuple[TagUsage, list[ProviderUsage]]:
    """Return on how many documents a tag is, and which providers put it there; who put it on most comes first.

    No more than LOOKED_AT assignments are looked at, so that the answer takes no longer for a tag of very many files.
    """
    some = (
        select(TagAssignment.document_id, TagAssignment.source, TagAssignment.provider)
        .where(TagAssignment.tag_id == tag.id)
        .limit(LOOKED_AT + 1)
        .subquery()
    )
    by_whom = some.c.source, some.c.provider
    in_bin = select(Document.id).where(
        Document.instance_id == tag.instance_id, Document.deleted_at.is_not(None)
    )
    is_binned = some.c.document_id.in_(in_bin)
    manual = seen = 0
    automatic: Counter[str] = Counter()
    for source, provider, number, binned in session.execute(
        select(*by_whom, func.count(), func.sum(case((is_binned, 1), else_=0))).group_by(*by_whom)
    ):
        seen += number
        if source is AssignmentSource.AUTO:
            automatic[provider or ""] += number - binned
        else:
            manual += number - binned
    found = [ProviderUsage(provider, number) for provider, number in automatic.items() if number]
    usage = TagUsage(tag.id, tag.name, manual, automatic.total(), is_least=seen > LOOKED_AT)
    return usage, sorted(found, key=lambda usage: (-usage.documents, usage.provider))


def list_tags(
    session: Session,
    instance_id: int,
    *,
    order: TagOrder = TagOrder.NAME,
    search: str = "",
    cursor: str | None = None,
    limit: int = 100,
) -> TagPage:
    """Return the tags of an instance whose name contains `search`. A cursor that cannot be read is the first page."""
    where = [Tag.instance_id == instance_id]
    if words := _typed(search):
        where.append(Tag.normalized_name.contains(words, autoescape=True))
    keys = _keys(instance_id, order)
    position = _read_cursor(order, cursor)
    after = [] if position is None else [tuple_(*keys) > tuple_(*map(literal, position))]
    named = [key.label(f"key_{number}") for number, key in enumerate(keys)]
    rows = session.execute(
        select(Tag.id, Tag.name, *named).where(*where, *after).order_by(*named).limit(limit + 1)
    ).all()
    total = session.scalar(select(func.count()).select_from(Tag).where(*where)) or 0
    items = _usages(session, instance_id, [(row[0], row[1]) for row in rows[:limit]])
    next_cursor = _write_cursor(order, rows[limit - 1][2:]) if len(rows) > limit else None
    return TagPage(items, next_cursor, total)


def suggestions(session: Session, instance_id: int, typed: str) -> list[str]:
    """Return names to complete what somebody typed: those that begin with it, then those with a word that does.

    Within each, the most used come first. At most twenty, none for nothing.
    """
    beginning = _typed(typed)
    if not beginning:
        return []
    name = Tag.normalized_name
    starts = name.startswith(beginning, autoescape=True)
    word_starts = or_(*(name.contains(f"{mark}{beginning}", autoescape=True) for mark in " -_("))
    return list(
        session.scalars(
            select(Tag.name)
            .where(Tag.instance_id == instance_id, or_(starts, word_starts))
            .order_by(case((starts, 0), else_=1), _uses(instance_id).desc(), name)
            .limit(MOST_SUGGESTIONS)
        )
    )


def _typed(text: str) -> str:
    # PostgreSQL takes no text with a NUL in it.
    return fold(" ".join(text.replace("\0", " ").split()))[:LONGEST_SEARCH]


def _keys(instance_id: int, order: TagOrder) -> list[ColumnElement[Any]]:
    """Return what an order compares, ascending; together no two tags share it."""
    match order:
        case TagOrder.NAME:
            return [Tag.normalized_name.expression]
        case TagOrder.NEWEST:
            return [-Tag.id]
        case TagOrder.MOST_USED:
            return [-_uses(instance_id), Tag.normalized_name.expression]


def _uses(instance_id: int) -> ColumnElement[int]:
    """Return the number of documents outside the recycle bin that have the tag of the row.

    Two counts instead of a join: the first one reads an index only, the second one the few rows in the bin.
    """
    everywhere = (
        select(func.count())
        .select_from(TagAssignment)
        .where(TagAssignment.tag_id == Tag.id)
        .correlate(Tag)
        .scalar_subquery()
    )
    bin_by_tag = (
        _in_bin(instance_id, None, TagAssignment.tag_id).group_by(TagAssignment.tag_id).subquery("in_bin")
    )
    in_bin = select(bin_by_tag.c.documents).where(bin_by_tag.c.key == Tag.id).correlate(Tag).scalar_subquery()
    return everywhere - func.coalesce(in_bin, 0)


def _in_bin(
    instance_id: int, tag_ids: Collection[int] | None, key: ColumnElement[Any] | Any
) -> Select[tuple[Any, int]]:
    statement = (
        select(key.label("key"), func.count().label("documents"))
        .select_from(Document)
        .join(TagAssignment, TagAssignment.document_id == Document.id)
        .where(Document.instance_id == instance_id, Document.deleted_at.is_not(None))
    )
    # The sum keeps databases from going through all documents of these tags instead of those in the bin.
    return statement if tag_ids is None else statement.where((TagAssignment.tag_id + 0).in_(tag_ids))


def _usages(session: Session, instance_id: int, tags: list[tuple[int, str]]) -> list[TagUsage]:
    ids = [tag_id for tag_id, _ in tags]
    # What a file brought is the word of a person, too.
    by_people = func.sum(case((TagAssignment.source != AssignmentSource.AUTO, 1), else_=0))
    everywhere = {
        tag_id: (number, manual)
        for tag_id, number, manual in session.execute(
            select(TagAssignment.tag_id, func.count(), by_people)
            .where(TagAssignment.tag_id.in_(ids))
            .group_by(TagAssignment.tag_id)
        )
    }
    in_bin = {
        tag_id: (number, manual)
        for tag_id, number, manual in session.execute(
            _in_bin(instance_id, ids, TagAssignment.tag_id)
            .add_columns(by_people)
            .group_by(TagAssignment.tag_id)
        )
    }
    found = []
    for tag_id, name in tags:
        number, manual = everywhere.get(tag_id, (0, 0))
        binned, binned_manual = in_bin.get(tag_id, (0, 0))
        manual -= binned_manual
        found.append(TagUsage(tag_id, name, manual, number - binned - manual))
    return found


def _write_cursor(order: TagOrder, position: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps([order, *position]).encode()).decode().rstrip("=")


def _read_cursor(order: TagOrder, cursor: str | None) -> list[Any] | None:
    """Read a position; None for one that cannot be read, or that belongs to another order."""
    if not cursor:
        return None
    try:
        written, *position = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, RecursionError):
        return None
    wanted = {TagOrder.NAME: [str], TagOrder.NEWEST: [int], TagOrder.MOST_USED: [int, str]}[order]
    if written != order or [type(part) for part in position] != wanted:
        return None
    if any(isinstance(part, int) and abs(part) > LARGEST_ID for part in position):
        return None
    # PostgreSQL takes no text with a NUL in it.
    return None if any(isinstance(part, str) and "\x00" in part for part in position) else position
