"""Full-text search over titles, file names, descriptions and tags: FTS5 on SQLite, tsvector on PostgreSQL.

Both hold the same words, which are made here: without accents and case, so that a search finds the same in either.
Whoever changes a title, a file name, a description or the tags of a document calls `refresh` in the same
transaction.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    TextClause,
    bindparam,
    column,
    select,
    table,
    text,
)
from sqlalchemy.orm import Session

from autotag.models import Document, Tag, TagAssignment
from autotag.models.names import normalize

MOST_WORDS = 16
"""Words of a search that count; more would be a denial of service, not a search."""

CHUNK = 500

_SEARCH = table("document_search", column("rowid", Integer), column("document_id", Integer))
_WORD = re.compile(r"[^\W_]+")


_TEXTS = select(
    Document.id, Document.instance_id, Document.title, Document.file_name, Document.description
).where(Document.id.in_(bindparam("the_documents", expanding=True)))
_TAGS = (
    select(TagAssignment.document_id, Tag.name)
    # Outer, so that a database begins with these documents, and not with all tags of the instance.
    .outerjoin(Tag, Tag.id == TagAssignment.tag_id)
    .where(TagAssignment.document_id.in_(bindparam("the_documents", expanding=True)))
)
_REMOVE_SQLITE = text("DELETE FROM document_search WHERE rowid = :id")
_REMOVE_POSTGRESQL = text("DELETE FROM document_search WHERE document_id = :id")
_INSERT_SQLITE = text("INSERT INTO document_search (rowid, instance, words) VALUES (:id, :instance, :words)")
_INSERT_POSTGRESQL = text(
    "INSERT INTO document_search (document_id, instance_id, words)"
    " VALUES (:id, :instance, to_tsvector('simple', :words))"
    # Whoever waited for another's deletion does not see what that one wrote anew: then the later words hold.
    " ON CONFLICT (document_id) DO UPDATE SET instance_id = excluded.instance_id, words = excluded.words"
)


def words_of(text: str) -> list[str]:
    """Return the words of a text as they are compared: letters and digits, without accents, case-folded."""
    letters = normalize(text, "NFKD")
    if not letters.isascii():
        letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return _WORD.findall(letters.casefold())


def refresh(session: Session, document_ids: Iterable[int]) -> None:
    """Write anew what the search knows of these documents; what is gone from the database goes here as well."""
    ids = sorted(set(document_ids))
    for start in range(0, len(ids), CHUNK):
        _refresh(session, ids[start : start + CHUNK])


def matching(session: Session, instance_id: int, query: str) -> ColumnElement[bool] | None:
    """Return the condition that a document holds all words of a query, or None."""
    found = matching_ids(session, instance_id, query)
    return None if found is None else Document.id.in_(found.scalar_subquery())


def matching_ids(session: Session, instance_id: int, query: str) -> Select[Any] | None:
    """Return the statement for the ids of the documents which hold all words of a query, the end of each left open.

    None when the query has no words, and so limits nothing.
    """
    words = words_of(query)[:MOST_WORDS]
    if not words:
        return None
    named, condition = _condition(_is_postgresql(session), instance_id, words)
    return select(named).where(condition)


def _condition(postgresql: bool, instance_id: int, words: list[str]) -> tuple[ColumnElement[int], TextClause]:
    # `words_of` leaves letters and digits only, so nothing in a word can be an operator.
    if postgresql:
        pattern = " & ".join(f"{word}:*" for word in words)
        condition = text(
            "document_search.instance_id = :search_instance"
            " AND document_search.words @@ to_tsquery('simple', :search_pattern)"
        ).bindparams(
            bindparam("search_instance", instance_id),
            bindparam("search_pattern", pattern),
        )
        return _SEARCH.c.document_id, condition
    wanted = " AND ".join(f'"{word}" *' for word in words)
    pattern = f'instance : "i{instance_id}" AND words : ({wanted})'
    condition = text("document_search MATCH :search_pattern").bindparams(bindparam("search_pattern", pattern))
    return _SEARCH.c.rowid, condition


def _refresh(session: Session, ids: list[int]) -> None:
    session.flush()
    postgresql = _is_postgresql(session)
    remove, insert = (
        (_REMOVE_POSTGRESQL, _INSERT_POSTGRESQL) if postgresql else (_REMOVE_SQLITE, _INSERT_SQLITE)
    )
    session.execute(remove, [{"id": one} for one in ids])
    rows = session.execute(_TEXTS, {"the_documents": ids}).all()
    if not rows:
        return
    tags: dict[int, list[str]] = {}
    for document_id, name in session.execute(_TAGS, {"the_documents": ids}):
        tags.setdefault(document_id, []).append(name)
    session.execute(
        insert,
        [
            {
                "id": row.id,
                "instance": row.instance_id if postgresql else f"i{row.instance_id}",
                "words": " ".join(
                    words_of(" ".join([row.title, row.file_name, row.description, *tags.get(row.id, [])]))
                ),
            }
            for row in rows
        ],
    )


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"
