"""What stands in the metadata of a copy with tags written: the keywords of the file, and the document's tags."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.models import Tag, TagAssignment, TagRejection
from autotag.models.names import fold
from autotag.tagging.policy import normalize_name

CHUNK = 500


@dataclass(frozen=True, slots=True)
class DocumentTags:
    """The names of the tags of a document, and folded those that a person took off it."""

    names: tuple[str, ...] = ()
    removed: frozenset[str] = frozenset()


def tags_of_documents(
    session: Session, instance_id: int, document_ids: Sequence[int]
) -> dict[int, DocumentTags]:
    """Return what is to be written into copies of documents of an instance, by id."""
    names: dict[int, list[str]] = {}
    removed: dict[int, set[str]] = {}
    for start in range(0, len(document_ids), CHUNK):
        part = document_ids[start : start + CHUNK]
        for document_id, name in session.execute(
            select(TagAssignment.document_id, Tag.name)
            .join(Tag, Tag.id == TagAssignment.tag_id)
            .where(TagAssignment.instance_id == instance_id, TagAssignment.document_id.in_(part))
            .order_by(Tag.normalized_name)
        ):
            names.setdefault(document_id, []).append(name)
        for document_id, name in session.execute(
            select(TagRejection.document_id, TagRejection.normalized_name).where(
                TagRejection.instance_id == instance_id, TagRejection.document_id.in_(part)
            )
        ):
            removed.setdefault(document_id, set()).add(name)
    return {
        key: DocumentTags(tuple(names.get(key, ())), frozenset(removed.get(key, ()))) for key in document_ids
    }


def keywords_of_copy(in_file: Collection[str], tags: DocumentTags) -> list[str]:
    """Return the keywords of a copy: those of the file that nobody took off, then the tags that it lacks.

    A keyword that is a tag but for the characters which tags cannot have stays as the file spells it.
    """
    kept: dict[str, str] = {}
    for keyword in in_file:
        kept.setdefault(fold(normalize_name(keyword)), keyword)
    keywords = [keyword for folded, keyword in kept.items() if folded not in tags.removed]
    return [*keywords, *(name for name in tags.names if fold(name) not in kept)]
