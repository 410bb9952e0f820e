"""What a person asks of Documents and Media: filters, search and order, as one value and as one statement."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from autotag.media.library.search import matching_ids
from autotag.models import Document, Folder, Tag, TagAssignment, TaggingState, User
from autotag.models.names import fold

MOST_OWNERS = 200
NOTHING = false()
"""The condition that no document meets."""

_ASSIGNMENT = TagAssignment.__table__


class Order(StrEnum):
    """In which order documents are listed; equal ones by id."""

    NEWEST = "newest"
    OLDEST = "oldest"
    NAME = "name"
    NAME_DESCENDING = "name-descending"
    LARGEST = "largest"
    SMALLEST = "smallest"

    @property
    def is_descending(self) -> bool:
        """Whether the largest value comes first."""
        return self in (Order.NEWEST, Order.NAME_DESCENDING, Order.LARGEST)

    @property
    def column(self) -> InstrumentedAttribute[Any]:
        """The column that is ordered by. Ids ascend with time."""
        match self:
            case Order.NAME | Order.NAME_DESCENDING:
                return Document.title_key
            case Order.LARGEST | Order.SMALLEST:
                return Document.size
            case _:
                return Document.id


@dataclass(frozen=True, slots=True)
class DocumentQuery:
    """Which documents of an instance, and in which order. The default is all that are not in the recycle bin.

    `text` has words that each must be in title, file name, description or a tag. `tags` are names that a document
    must all have. `mime_type` is a media type, or one with a star (`image/*`). `reason_code` is that of the tagging
    state. `folder_id` means the files of that folder, and with `with_subfolders` of those
    below it.
    """

    text: str = ""
    tags: tuple[str, ...] = ()
    mime_type: str = ""
    owner_id: int | None = None
    state: TaggingState | None = None
    reason_code: str | None = None
    untagged: bool = False
    folder_id: int | None = None
    with_subfolders: bool = False
    in_bin: bool = False
    order: Order = Order.NEWEST

    @property
    def is_filtered(self) -> bool:
        """Whether it asks for less than everything in its folder."""
        asked = (self.text, self.tags, self.mime_type, self.owner_id, self.state, self.reason_code)
        return self.untagged or any(asked)

    def reaching_below(self) -> "DocumentQuery":
        """Return the query that a list means: inside a folder, a search or filter looks into those below as well."""
        return replace(self, with_subfolders=self.folder_id is not None and self.is_filtered)


@dataclass(frozen=True, slots=True)
class Selection:
    """Documents that a person chose: some by id, or, with a query, all that it means."""

    ids: tuple[int, ...] = ()
    query: DocumentQuery | None = None

    def select_ids(self, session: Session, instance_id: int) -> Select[Any]:
        """Return the statement for the ids of the chosen documents of an instance, in no order."""
        query = self.query or DocumentQuery()
        statement = select_ids(session, instance_id, query)
        return statement if self.query is not None else statement.where(Document.id.in_(self.ids))


@dataclass(frozen=True, slots=True)
class Filter:
    """One of the conditions of a query, and how documents are found that meet it.

    `ids` selects from a table that names documents, in the order of their ids; without it the condition's own index
    of the documents is used. `is_ordered` says whether that finds them in the order of their ids, `is_indexed` whether
    there is any.
    """

    condition: ColumnElement[bool]
    ids: Select[Any] | None = None
    is_ordered: bool = True
    is_indexed: bool = True


def select_ids(session: Session, instance_id: int, query: DocumentQuery) -> Select[Any]:
    """Return the statement for the ids of the documents that a query means, in no order."""
    return select(Document.id).where(*conditions(session, instance_id, query))


def conditions(session: Session, instance_id: int, query: DocumentQuery) -> list[ColumnElement[bool]]:
    """Return what a document must meet, the instance first."""
    found = [each.condition for each in filters(session, instance_id, query)]
    return [*belonging(instance_id, query), *found]


def belonging(instance_id: int, query: DocumentQuery) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return what every document of a list meets: it is the instance's, and in the recycle bin or not."""
    return (
        Document.instance_id == instance_id,
        Document.deleted_at.is_not(None) if query.in_bin else Document.deleted_at.is_(None),
    )


def filters(session: Session, instance_id: int, query: DocumentQuery) -> list[Filter]:
    """Return what a query asks for beyond that, what is likely to say most first."""
    found: list[Filter] = []
    words = matching_ids(session, instance_id, query.text)
    if words is not None:
        found.append(Filter(Document.id.in_(words.scalar_subquery()), words))
    found += _tagged(session, instance_id, query.tags)
    if query.folder_id is not None:
        found.append(_in_folder(instance_id, query.folder_id, query.with_subfolders))
    if query.owner_id is not None:
        found.append(Filter(Document.owner_id == query.owner_id))
    if query.state is not None:
        found.append(Filter(Document.tagging_state == query.state))
    if query.reason_code is not None:
        found.append(Filter(Document.tagging_reason_code == query.reason_code, is_indexed=False))
    if query.mime_type:
        found.append(_of_type(session, instance_id, query.mime_type))
    if query.untagged:
        assigned = exists().where(_ASSIGNMENT.c.document_id == Document.id)
        found.append(Filter(~assigned, is_indexed=False))
    return found


def types_of(session: Session, instance_id: int) -> list[str]:
    """Return the media types that an instance has files of."""
    return list(session.scalars(_values_of(Document.mime_type, instance_id)))


def owners_of(session: Session, instance_id: int, also: int | None = None) -> dict[int, str]:
    """Return the e-mail addresses of the people who have files in an instance, by id and in alphabetical order.

    There are so many at most that they can be chosen from; the one that is asked for is among them.
    """
    some = _values_of(Document.owner_id, instance_id).limit(MOST_OWNERS)
    rows = session.execute(
        select(User.id, User.email)
        .where(User.instance_id == instance_id, or_(User.id.in_(some), User.id == also))
        .order_by(User.email)
    )
    return {row.id: row.email for row in rows}


def _values_of(column: InstrumentedAttribute[Any], instance_id: int) -> Select[Any]:
    """Return the statement for the different values of a column, by one step along its index for each."""
    alive = Document.instance_id == instance_id, Document.deleted_at.is_(None)
    values = select(func.min(column).label("value")).where(*alive).cte("different", recursive=True)
    following = select(func.min(column)).where(*alive, column > values.c.value).scalar_subquery()
    values = values.union_all(select(following).where(values.c.value.is_not(None)))
    return select(values.c.value).where(values.c.value.is_not(None))


def _of_type(session: Session, instance_id: int, mime_type: str) -> Filter:
    if not mime_type.endswith("/*"):
        return Filter(Document.mime_type == mime_type)
    kinds = [each for each in types_of(session, instance_id) if each.startswith(mime_type[:-1])]
    if len(kinds) == 1:
        return Filter(Document.mime_type == kinds[0])
    return Filter(Document.mime_type.in_(kinds), is_ordered=False)


def _in_folder(instance_id: int, folder_id: int, with_subfolders: bool) -> Filter:
    if not with_subfolders:
        return Filter(Document.folder_id == folder_id)
    below = (
        select(Folder.id)
        .where(Folder.instance_id == instance_id, Folder.id == folder_id)
        .cte("below", recursive=True)
    )
    # A union, not a union of all: it ends even if folders should ever contain each other.
    below = below.union(select(Folder.id).where(Folder.parent_id == below.c.id))
    return Filter(Document.folder_id.in_(select(below.c.id)), is_ordered=False)


def _tagged(session: Session, instance_id: int, names: Sequence[str]) -> list[Filter]:
    if not names:
        return []
    wanted = {fold(name) for name in names}
    ids = session.scalars(
        select(Tag.id).where(Tag.instance_id == instance_id, Tag.normalized_name.in_(wanted))
    ).all()
    if len(ids) < len(wanted):
        return [Filter(NOTHING)]
    return [_tag(tag_id) for tag_id in ids]


def _tag(tag_id: int) -> Filter:
    # The tag is the instance's, so its assignments are: the index alone answers. Each has a name of its own,
    # because one statement may ask for several tags.
    tested, leading = _ASSIGNMENT.alias(), _ASSIGNMENT.alias()
    return Filter(
        exists().where(tested.c.tag_id == tag_id, tested.c.document_id == Document.id),
        select(leading.c.document_id).where(leading.c.tag_id == tag_id),
    )
