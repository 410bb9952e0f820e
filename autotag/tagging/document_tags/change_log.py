"""What an edit did to the tags of documents, written down as it happens, so that it can be taken back.

Everything that an edit writes carries its moment. By that its rows are told from those that somebody made later.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.models import Tag, TagAssignment, TagRejection
from autotag.models.base import utc_now

ASSIGNMENT = (
    TagAssignment.document_id,
    TagAssignment.tag_id,
    TagAssignment.source,
    TagAssignment.provider,
    TagAssignment.model,
    TagAssignment.confidence,
    TagAssignment.attempt_id,
    TagAssignment.run_id,
    TagAssignment.created_by_id,
    TagAssignment.created_at,
)
"""What is kept of an assignment that is deleted, to be returned by the statement which deletes it."""

REJECTION = (
    TagRejection.document_id,
    TagRejection.normalized_name,
    TagRejection.created_by_id,
    TagRejection.created_at,
)
"""What is kept of a removal that is forgotten."""


@dataclass(frozen=True, slots=True)
class Removed:
    """An assignment that an edit deleted, with the name that its tag had."""

    name: str
    document_id: int
    tag_id: int
    source: str
    provider: str | None
    model: str | None
    confidence: float | None
    attempt_id: int | None
    run_id: int | None
    created_by_id: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A removal that an edit made void by adding the tag."""

    document_id: int
    normalized_name: str
    created_by_id: int | None
    created_at: datetime


@dataclass(slots=True)
class TagChanges:
    """What one edit did. `added` and `made_manual` are ids of assignments with the ids of their documents.

    `remembers` says that what was removed counts as removed by a person, so that no provider brings it back.
    """

    moment: datetime = field(default_factory=utc_now)
    remembers: bool = False
    removed: list[Removed] = field(default_factory=list)
    added: list[tuple[int, int]] = field(default_factory=list)
    made_manual: list[tuple[int, int]] = field(default_factory=list)
    forgotten: list[Forgotten] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was changed."""
        return not (self.removed or self.added or self.made_manual or self.forgotten)

    @property
    def document_ids(self) -> set[int]:
        """The documents that were changed."""
        found = {one.document_id for one in self.removed} | {one.document_id for one in self.forgotten}
        return found | {document_id for _, document_id in (*self.added, *self.made_manual)}

    def note_removed(self, session: Session, rows: Iterable[Any]) -> None:
        """Note deleted assignments, which are rows of the columns ASSIGNMENT; their tags are still there."""
        gone = list(rows)
        names = session.execute(select(Tag.id, Tag.name).where(Tag.id.in_({row.tag_id for row in gone})))
        by_id = {row.id: row.name for row in names}
        self.removed += [Removed(by_id[row.tag_id], *row) for row in gone if row.tag_id in by_id]

    def written(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {
            "moment": self.moment.isoformat(),
            "remembers": self.remembers,
            "removed": [_written(one) for one in self.removed],
            "added": self.added,
            "made_manual": self.made_manual,
            "forgotten": [_written(one) for one in self.forgotten],
        }

    @classmethod
    def read(cls, written: dict[str, Any]) -> "TagChanges":
        """Read what `written` returned."""
        return cls(
            moment=datetime.fromisoformat(written["moment"]),
            remembers=written["remembers"],
            removed=[Removed(*_read(values)) for values in written["removed"]],
            added=[(one, document_id) for one, document_id in written["added"]],
            made_manual=[(one, document_id) for one, document_id in written["made_manual"]],
            forgotten=[Forgotten(*_read(values)) for values in written["forgotten"]],
        )


def _written(one: Removed | Forgotten) -> list[Any]:
    """Return the values of a row, the moment at the end as a text."""
    *values, moment = astuple(one)
    return [*values, moment.isoformat()]


def _read(written: list[Any]) -> list[Any]:
    *values, moment = written
    return [*values, datetime.fromisoformat(moment)]
