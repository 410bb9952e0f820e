"""What a person asks of Documents and Media: filters, search and order, as one value and as one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from autotag.media.search import matching
from autotag.models import Document, Folder, Tag, TagAssignment, TaggingState
from autotag.models.names import fold


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
    state; no address names it. `folder_id` means the files of that folder, and with `with_subfolders` of those
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
        return bool(self.text or self.tags or self.mime_type or self.owner_id or self.state or self.untagged)


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


def select_ids(session: Session, instance_id: int, query: DocumentQuery) -> Select[Any]:
    """Return the statement for the ids of the documents that a query means, in no order."""
    return select(Document.id).where(*conditions(session, instance_id, query))


def conditions(session: Session, instance_id: int, query: DocumentQuery) -> list[ColumnElement[bool]]:
    """Return what a document must meet, the instance first."""
    found: list[ColumnElement[bool]] = [
        Document.instance_id == instance_id,
        Document.deleted_at.is_not(None) if query.in_bin else Document.deleted_at.is_(None),
    ]
    if query.mime_type:
        found.append(_of_type(query.mime_type))
    if query.owner_id is not None:
        found.append(Document.owner_id == query.owner_id)
    if query.state is not None:
        found.append(Document.tagging_state == query.state)
    if query.reason_code is not None:
        found.append(Document.tagging_reason_code == query.reason_code)
    if query.untagged:
        found.append(~exists().where(TagAssignment.document_id == Document.id))
    if query.folder_id is not None:
        found.append(_in_folder(instance_id, query.folder_id, query.with_subfolders))
    found += _tagged(session, instance_id, query.tags)
    words = matching(session, instance_id, query.text)
    return found if words is None else [*found, words]


def _of_type(mime_type: str) -> ColumnElement[bool]:
    if mime_type.endswith("/*"):
        return Document.mime_type.startswith(mime_type[:-1], autoescape=True)
    return Document.mime_type == mime_type


def _in_folder(instance_id: int, folder_id: int, with_subfolders: bool) -> ColumnElement[bool]:
    if not with_subfolders:
        return Document.folder_id == folder_id
    below = (
        select(Folder.id)
        .where(Folder.instance_id == instance_id, Folder.id == folder_id)
        .cte("below", recursive=True)
    )
    below = below.union(select(Folder.id).where(Folder.parent_id == below.c.id))
    return Document.folder_id.in_(select(below.c.id))


def _tagged(session: Session, instance_id: int, names: Sequence[str]) -> list[ColumnElement[bool]]:
    if not names:
        return []
    wanted = {fold(name) for name in names}
    ids = session.scalars(
        select(Tag.id).where(Tag.instance_id == instance_id, Tag.normalized_name.in_(wanted))
    ).all()
    if len(ids) < len(wanted):
        return [or_(False)]
    return [
        exists().where(TagAssignment.tag_id == tag_id, TagAssignment.document_id == Document.id)
        for tag_id in ids
    ]
