"""What holds of an installation whatever happened to it: read from its database and its folder of files alone.

`broken` tells what must never be, `unsettled` what may be while something is under way, but not once it is at rest.
Both give sentences, none for a sound installation; `assert_sound` is for tests. Nothing of the product's own rules is
used to look, only its ways of counting, which have to agree with a count of the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from autotag.instances.wall import across_instances
from autotag.media.library.search import words_of
from autotag.media.storage.use import storage_use
from autotag.models import TaggingRun, VirtualInstance
from autotag.tagging.runs.progress import count_items
from autotag.tagging.tags.listing import list_tags

MUST_BE_EMPTY = {
    "a foreign key leads nowhere": 'SELECT "table", rowid, parent FROM pragma_foreign_key_check',
    "the database file is damaged": "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
    "an assignment has no tag, no document, or one of another instance": """
        SELECT a.id FROM tag_assignment a
        LEFT JOIN tag t ON t.id = a.tag_id AND t.instance_id = a.instance_id
        LEFT JOIN document d ON d.id = a.document_id AND d.instance_id = a.instance_id
        WHERE t.id IS NULL OR d.id IS NULL""",
    "an automatic tag does not say whose it is": """
        SELECT id FROM tag_assignment WHERE source = 'auto'
        AND (provider IS NULL OR model IS NULL OR confidence IS NULL OR attempt_id IS NULL)""",
    "a document has a tag that counts as removed from it": """
        SELECT a.document_id, t.name FROM tag_assignment a JOIN tag t ON t.id = a.tag_id
        JOIN tag_rejection r ON r.document_id = a.document_id AND r.normalized_name = t.normalized_name""",
    "a document was tagged without an attempt": """
        SELECT id, tagging_state FROM document d WHERE tagging_state NOT IN ('queued', 'running')
        AND NOT EXISTS (SELECT 1 FROM tagging_attempt a WHERE a.document_id = d.id)""",
    "a document says tagged, but no attempt tagged it": """
        SELECT id FROM document d WHERE tagging_state = 'tagged'
        AND NOT EXISTS (SELECT 1 FROM tagging_attempt a WHERE a.document_id = d.id AND a.state = 'tagged')""",
    "a document is in hand without a claim, or claimed without being in hand": """
        SELECT id FROM document WHERE (tagging_state = 'running')
        <> (tagging_claim IS NOT NULL AND tagging_lease_until IS NOT NULL)""",
    "a document is not what its last version is": """
        SELECT d.id FROM document d LEFT JOIN document_version v
        ON v.document_id = d.id AND v.number = d.version_number
        AND v.sha256 = d.sha256 AND v.size = d.size AND v.file_name = d.file_name WHERE v.id IS NULL""",
    "versions are not numbered in turn": """
        SELECT document_id FROM document_version GROUP BY document_id
        HAVING min(number) <> 1 OR max(number) <> count(*)""",
    "a run has more documents than its total": """
        SELECT r.id FROM tagging_run r
        WHERE r.total < (SELECT count(*) FROM tagging_run_item i WHERE i.run_id = r.id)""",
    "a run is over while some of its documents are not": """
        SELECT r.id FROM tagging_run r JOIN tagging_run_item i ON i.run_id = r.id
        WHERE r.state = 'finished' AND (i.state IN ('waiting', 'queued') OR r.finished_at IS NULL)""",
    "a document was done in a run without an attempt of the run": """
        SELECT i.run_id, i.document_id FROM tagging_run_item i WHERE i.state IN ('done', 'failed')
        AND NOT EXISTS (SELECT 1 FROM tagging_attempt a
                        WHERE a.document_id = i.document_id AND a.run_id = i.run_id)""",
    "a document is on its way in a run that does not know of it": """
        SELECT d.id FROM document d WHERE d.tagging_state IN ('queued', 'running') AND d.tagging_run_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM tagging_run_item i
                        WHERE i.run_id = d.tagging_run_id AND i.document_id = d.id AND i.state = 'queued')""",
    "an undone run has left tags": """
        SELECT r.id FROM tagging_run r JOIN tag_assignment a ON a.run_id = r.id
        WHERE r.state = 'undone' AND r.finished_at IS NOT NULL AND a.source = 'auto'""",
    "an action has done more than there was": "SELECT id FROM bulk_action WHERE done > total",
    "an action is over without a time": """
        SELECT id FROM bulk_action WHERE (state = 'running') <> (finished_at IS NULL)""",
}

AT_REST_EMPTY = {
    "a document waits": "SELECT id, tagging_state FROM document WHERE tagging_state IN ('queued', 'running')",
    "a run is under way": "SELECT id FROM tagging_run WHERE state = 'running' OR finished_at IS NULL",
    "an action is under way": "SELECT id FROM bulk_action WHERE state = 'running'",
    "a content is still to be removed": "SELECT sha256 FROM released_content",
}


def assert_sound(engine: Engine, files: Path, *, at_rest: bool = True) -> None:
    """Fail with every sentence that is true of an installation and must not be."""
    found = broken(engine, files) + (unsettled(engine, files) if at_rest else [])
    assert not found, "\n".join(found)


def broken(engine: Engine, files: Path) -> list[str]:
    """Say what must never be, at any moment, whoever was killed when."""
    with Session(engine) as session, across_instances(session):
        return [
            *_found(session, MUST_BE_EMPTY),
            *_rows_without_file(session, files),
            *_search(session),
            *_counts(session),
        ]


def unsettled(engine: Engine, files: Path) -> list[str]:
    """Say what is left to do or to clear away; nothing is, once all parts and sweeps had their turns."""
    with Session(engine) as session, across_instances(session):
        return [*_found(session, AT_REST_EMPTY), *_files_without_row(session, files)]


def _found(session: Session, queries: dict[str, str]) -> Iterator[str]:
    for sentence, query in queries.items():
        rows = session.execute(text(query)).all()
        if rows:
            yield f"{sentence}: {[tuple(row) for row in rows[:5]]}"


def _named(session: Session) -> set[str]:
    return set(session.scalars(text("SELECT sha256 FROM document UNION SELECT sha256 FROM document_version")))


def _rows_without_file(session: Session, files: Path) -> Iterator[str]:
    for sha256 in sorted(_named(session)):
        path = files / "originals" / sha256[:2] / sha256[2:4] / sha256
        if not path.is_file():
            yield f"a row names a file that is not there: {sha256}"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            yield f"a file has other bytes than its row says: {sha256}"
    for sha256 in session.scalars(text("SELECT sha256 FROM document WHERE width IS NOT NULL")):
        for kind in ("thumbnail", "preview"):
            if not (files / "renditions" / sha256[:2] / f"{sha256}-{kind}.jpg").is_file():
                yield f"a document was decoded and has no {kind}: {sha256}"


def _files_without_row(session: Session, files: Path) -> Iterator[str]:
    named = _named(session)
    for path in sorted(files.rglob("*")):
        if path.is_file() and path.name.partition("-")[0] not in named:
            yield f"a file belongs to no row: {path.relative_to(files)}"


def _search(session: Session) -> Iterator[str]:
    """The index keeps no texts, only where each word is: so the words of a document are put together from it."""
    session.execute(
        text("CREATE VIRTUAL TABLE temp.word USING fts5vocab('main', 'document_search', 'instance')")
    )
    found: dict[int, dict[str, list[str]]] = {}
    for document_id, column, term in session.execute(text("SELECT doc, col, term FROM temp.word")):
        found.setdefault(document_id, {}).setdefault(column, []).append(term)
    session.execute(text("DROP TABLE temp.word"))
    documents = session.execute(
        text("SELECT id, instance_id, title, file_name, description FROM document")
    ).all()
    for document_id, instance_id, *texts in documents:
        names = session.scalars(
            text(
                "SELECT t.name FROM tag t JOIN tag_assignment a ON a.tag_id = t.id WHERE a.document_id = :id"
            ).bindparams(id=document_id)
        )
        known = found.pop(document_id, {})
        wanted = sorted(words_of(" ".join([*texts, *names])))
        if known.get("instance") != [f"i{instance_id}"] or sorted(known.get("words", [])) != wanted:
            yield f"the search knows document {document_id} by {known}, not by {wanted}"
    if found:
        yield f"the search knows documents that are gone: {sorted(found)}"


def _counts(session: Session) -> Iterator[str]:
    """What the pages count has to be what is there."""
    for instance_id in session.scalars(text("SELECT id FROM virtual_instance")).all():
        assert session.get(VirtualInstance, instance_id)
        there = dict(
            session.execute(
                text(
                    "SELECT t.name, count(d.id) FROM tag t LEFT JOIN tag_assignment a ON a.tag_id = t.id"
                    " LEFT JOIN document d ON d.id = a.document_id AND d.deleted_at IS NULL"
                    " WHERE t.instance_id = :id GROUP BY t.id"
                ).bindparams(id=instance_id)
            ).all()
        )
        shown = {usage.name: usage.total for usage in list_tags(session, instance_id, limit=1000).items}
        if shown != there:
            yield f"tags are counted wrongly: {shown} for {there}"
        kept = session.scalar(
            text("SELECT coalesce(sum(size), 0) FROM document_version WHERE instance_id = :id").bindparams(
                id=instance_id
            )
        )
        counted = storage_use(session, instance_id).total.total_bytes
        if counted != kept:
            yield f"what is kept is counted wrongly: {counted} for {kept} bytes"
    for run_id in session.scalars(text("SELECT id FROM tagging_run")).all():
        run = session.get_one(TaggingRun, run_id)
        counts = count_items(session, run)
        there = dict(
            session.execute(
                text(
                    "SELECT state, count(*) FROM tagging_run_item WHERE run_id = :id GROUP BY state"
                ).bindparams(id=run_id)
            ).all()
        )
        if {str(state): number for state, number in counts.by_state.items()} != there:
            yield f"run {run_id} counts {counts.by_state} for {there}"
