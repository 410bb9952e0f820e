"""Taking back what an edit did to tags, and nothing else: what people or providers did since stays."""

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any

from sqlalchemy import case, delete, literal, or_, select, tuple_, update
from sqlalchemy.orm import Session

from autotag.media.library import search
from autotag.models import (
    AssignmentSource,
    Document,
    Tag,
    TagAssignment,
    TaggingAttempt,
    TaggingRun,
    TaggingState,
    TagRejection,
    User,
)
from autotag.models.base import Choice, utc_now
from autotag.models.insertion import insert_new
from autotag.models.names import fold
from autotag.tagging.document_tags.change_log import Removed, TagChanges
from autotag.tagging.document_tags.remove_with_undo import UNTAGGED
from autotag.tagging.tags.create_and_lock import ensure_tags

SOURCE = Choice(AssignmentSource)
CHUNK = 400
"""Rows that one statement names, each by two or three values."""


def take_back(session: Session, instance_id: int, changes: TagChanges) -> int:
    """Undo an edit where nobody has changed the same since; return how many documents it concerned.

    A tag that was added is taken off, unless it was removed and added anew; one that became manual is automatic again;
    one that was removed is back as it was, unless somebody decided on it since. A tag that was renamed meanwhile comes
    back under its new name, a deleted one under the old.
    """
    ids = _own(session, instance_id, changes.document_ids)
    removed = [one for one in changes.removed if one.document_id in ids]
    names = _names_now(session, instance_id, removed)
    tag_ids = ensure_tags(session, instance_id, set(names.values()))
    _take_off(session, changes, ids)
    _make_automatic(session, changes, ids)
    _restore(
        session, instance_id, changes, removed, {key: tag_ids[fold(name)] for key, name in names.items()}
    )
    _remember(session, instance_id, changes, ids)
    search.refresh(session, ids)
    return len(ids)


def _own(session: Session, instance_id: int, document_ids: Collection[int]) -> set[int]:
    """Return those of the documents that are still the instance's, also in the recycle bin."""
    statement = select(Document.id).where(Document.owned_by(instance_id), Document.id.in_(document_ids))
    return set(session.scalars(statement))


def _names_now(session: Session, instance_id: int, removed: Collection[Removed]) -> dict[int, str]:
    """Return the names of the removed tags by id: those that they have now, or had when they were removed."""
    rows = session.execute(
        select(Tag.id, Tag.name).where(Tag.owned_by(instance_id), Tag.id.in_({one.tag_id for one in removed}))
    )
    return {one.tag_id: one.name for one in removed} | {row.id: row.name for row in rows}


def _take_off(session: Session, changes: TagChanges, ids: set[int]) -> None:
    for some in _chunks(one for one in changes.added if one[1] in ids):
        session.execute(
            delete(TagAssignment)
            .where(
                tuple_(TagAssignment.id, TagAssignment.document_id).in_(some),
                TagAssignment.source == AssignmentSource.MANUAL,
                TagAssignment.created_at == changes.moment,
            )
            .execution_options(synchronize_session=False)
        )


def _make_automatic(session: Session, changes: TagChanges, ids: set[int]) -> None:
    # What no provider gave came with the file.
    before = case(
        (
            or_(TagAssignment.provider.is_not(None), TagAssignment.confidence.is_not(None)),
            literal(AssignmentSource.AUTO, SOURCE),
        ),
        else_=literal(AssignmentSource.FILE, SOURCE),
    )
    for some in _chunks(one for one in changes.made_manual if one[1] in ids):
        session.execute(
            update(TagAssignment)
            .where(
                tuple_(TagAssignment.id, TagAssignment.document_id).in_(some),
                TagAssignment.source == AssignmentSource.MANUAL,
                # A number may be that of another assignment by now, which is younger.
                TagAssignment.created_at <= changes.moment,
            )
            .values(source=before, created_by_id=None)
            .execution_options(synchronize_session=False)
        )


def _restore(
    session: Session, instance_id: int, changes: TagChanges, removed: list[Removed], tag_ids: dict[int, int]
) -> None:
    """Put back what was removed, where the removal still holds: `tag_ids` are the tags now by the tags then."""
    folded = _folded_names(session, set(tag_ids.values()))
    since, ours = _removals(session, changes, {one.document_id for one in removed})
    wanted: list[Removed] = []
    void: set[tuple[int, str]] = set()
    for one in removed:
        names = {(one.document_id, fold(one.name)), (one.document_id, folded[tag_ids[one.tag_id]])}
        # A removal that was remembered and is gone was overruled by somebody who added the tag.
        if names & ours if changes.remembers else not names & since:
            wanted.append(one)
            void |= names & ours
    there = _still_there(session, instance_id, wanted)
    rows = [_row(instance_id, one, tag_ids[one.tag_id], there) for one in wanted]
    insert_new(session, TagAssignment.__table__, rows)
    for some in _chunks(sorted(void)):
        session.execute(
            delete(TagRejection)
            .where(tuple_(TagRejection.document_id, TagRejection.normalized_name).in_(some))
            .execution_options(synchronize_session=False)
        )
    _correct_states(session, {one.document_id for one in wanted if one.source == AssignmentSource.AUTO})


def _removals(
    session: Session, changes: TagChanges, document_ids: set[int]
) -> tuple[set[tuple[int, str]], set[tuple[int, str]]]:
    """Return what somebody removed from these documents since, and what this edit did, by document and name."""
    since: set[tuple[int, str]] = set()
    ours: set[tuple[int, str]] = set()
    rows = session.execute(
        select(TagRejection.document_id, TagRejection.normalized_name, TagRejection.created_at).where(
            TagRejection.document_id.in_(document_ids), TagRejection.created_at >= changes.moment
        )
    )
    for document_id, name, moment in rows:
        (ours if moment == changes.moment else since).add((document_id, name))
    return since, ours


def _folded_names(session: Session, tag_ids: Collection[int]) -> dict[int, str]:
    rows = session.execute(select(Tag.id, Tag.normalized_name).where(Tag.id.in_(tag_ids)))
    return {row.id: row.normalized_name for row in rows}


def _still_there(session: Session, instance_id: int, removed: Collection[Removed]) -> dict[str, set[int]]:
    """Return which of the rows that the removed assignments name are still there, by the column that names them."""
    found: dict[str, set[int]] = {}
    for name, model in _NAMED.items():
        ids = sorted({value for one in removed if (value := getattr(one, name)) is not None})
        found[name] = set()
        for some in _chunks(ids):
            found[name] |= set(
                session.scalars(select(model.id).where(model.owned_by(instance_id), model.id.in_(some)))
            )
    return found


def _row(instance_id: int, one: Removed, tag_id: int, there: dict[str, set[int]]) -> dict[str, object]:
    kept = {name: value if (value := getattr(one, name)) in there[name] else None for name in _NAMED}
    return {
        "instance_id": instance_id,
        "document_id": one.document_id,
        "tag_id": tag_id,
        "source": AssignmentSource(one.source),
        "provider": one.provider,
        "model": one.model,
        "confidence": one.confidence,
        "created_at": one.created_at,
    } | kept


def _correct_states(session: Session, document_ids: Collection[int]) -> None:
    """Documents whose automatic tags are back count as tagged again."""
    session.execute(
        update(Document)
        .where(Document.id.in_(document_ids), Document.tagging_reason_code == UNTAGGED)
        .values(
            tagging_state=TaggingState.TAGGED,
            tagging_reason_code="",
            tagging_reason="",
            tagging_updated_at=utc_now(),
        )
        .execution_options(synchronize_session=False)
    )


def _remember(session: Session, instance_id: int, changes: TagChanges, ids: set[int]) -> None:
    """Make removals valid again that the edit overruled, where the document does not have the tag."""
    forgotten = [one for one in changes.forgotten if one.document_id in ids]
    rows = session.execute(
        select(TagAssignment.document_id, Tag.normalized_name)
        .join(Tag, Tag.id == TagAssignment.tag_id)
        .where(
            TagAssignment.document_id.in_({one.document_id for one in forgotten}),
            Tag.normalized_name.in_({one.normalized_name for one in forgotten}),
        )
    )
    tagged = {(row.document_id, row.normalized_name) for row in rows}
    people = {one.created_by_id for one in forgotten}
    there = set(session.scalars(select(User.id).where(User.owned_by(instance_id), User.id.in_(people))))
    again: list[dict[str, object]] = [
        {
            "instance_id": instance_id,
            "document_id": one.document_id,
            "normalized_name": one.normalized_name,
            "created_by_id": one.created_by_id if one.created_by_id in there else None,
            "created_at": one.created_at,
        }
        for one in forgotten
        if (one.document_id, one.normalized_name) not in tagged
    ]
    insert_new(session, TagRejection.__table__, again)


def _chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    """Part what one statement names, for a database takes a limited number of values."""
    rest = iter(values)
    while some := list(islice(rest, CHUNK)):
        yield some


_NAMED: dict[str, type[TaggingAttempt] | type[TaggingRun] | type[User]] = {
    "attempt_id": TaggingAttempt,
    "run_id": TaggingRun,
    "created_by_id": User,
}
