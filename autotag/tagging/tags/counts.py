"""Which tags some chosen documents have, and how many of them have each."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from autotag.media.library.query import Selection
from autotag.models import AssignmentSource, Document, Tag, TagAssignment

MOST_TAGS = 200
"""Tags that are counted one by one; those on the most documents."""


@dataclass(frozen=True, slots=True)
class TagCount:
    """A tag, on how many of the documents it is, and on how many of these a provider put it."""

    name: str
    documents: int
    automatic: int


@dataclass(frozen=True, slots=True)
class TagCounts:
    """The tags of some documents, those on the most documents first; `total` counts the documents."""

    total: int
    tags: tuple[TagCount, ...]

    @property
    def on_all(self) -> tuple[TagCount, ...]:
        """The tags that every document has."""
        return tuple(tag for tag in self.tags if tag.documents == self.total)

    @property
    def on_some(self) -> tuple[TagCount, ...]:
        """The tags that only some documents have."""
        return tuple(tag for tag in self.tags if tag.documents < self.total)


def count_chosen(session: Session, instance_id: int, selection: Selection, until: int | None = None) -> int:
    """Return how many documents are chosen, up to an id if one is given."""
    chosen = _chosen(session, instance_id, selection, until).subquery()
    return session.scalar(select(func.count()).select_from(chosen)) or 0


def count_automatic(
    session: Session, instance_id: int, selection: Selection, until: int | None = None
) -> int:
    """Return how many automatic tags the chosen documents have together."""
    chosen = _chosen(session, instance_id, selection, until)
    statement = select(func.count()).where(
        TagAssignment.instance_id == instance_id,
        TagAssignment.document_id.in_(chosen.scalar_subquery()),
        TagAssignment.source == AssignmentSource.AUTO,
    )
    return session.scalar(statement) or 0


def count_tags(
    session: Session, instance_id: int, selection: Selection, until: int | None = None
) -> TagCounts:
    """Count the tags of the chosen documents."""
    chosen = _chosen(session, instance_id, selection, until)
    rows = session.execute(
        select(
            Tag.name,
            func.count(),
            func.count().filter(TagAssignment.source == AssignmentSource.AUTO),
        )
        .join(TagAssignment, TagAssignment.tag_id == Tag.id)
        .where(
            TagAssignment.instance_id == instance_id,
            TagAssignment.document_id.in_(chosen.scalar_subquery()),
        )
        .group_by(Tag.id)
        .order_by(func.count().desc(), Tag.normalized_name)
        .limit(MOST_TAGS)
    )
    total = count_chosen(session, instance_id, selection, until)
    return TagCounts(total, tuple(TagCount(*row) for row in rows))


def _chosen(session: Session, instance_id: int, selection: Selection, until: int | None) -> Select[Any]:
    statement = selection.select_ids(session, instance_id)
    return statement if until is None else statement.where(Document.id <= until)
