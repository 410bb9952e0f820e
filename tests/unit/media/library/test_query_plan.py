"""Every way to a page finds the same documents as a look at all of them, and none looks at all of them."""

from __future__ import annotations

import itertools
import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.instances.wall import scope_to_instance
from autotag.media.library import query_plan, search
from autotag.media.library.query import DocumentQuery, Order
from autotag.media.library.query_plan import find_page
from autotag.models import Document, Folder, Tag, TagAssignment, TaggingState, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.engine import build_session_factory
from autotag.models.names import fold
from autotag.models.unit_of_work import unit_of_work
from tests.unit.conftest import Factory

NUMBER = 60
FILTERS: dict[str, dict[str, object]] = {
    "nothing": {},
    "word": {"text": "beach"},
    "words": {"text": "beach sun"},
    "tag": {"tags": ("Cat",)},
    "tags": {"tags": ("cat", "dog")},
    "missing tag": {"tags": ("cat", "unicorn")},
    "type": {"mime_type": "image/png"},
    "types": {"mime_type": "image/*"},
    "no type": {"mime_type": "video/*"},
    "state": {"state": TaggingState.FAILED},
    "untagged": {"untagged": True},
}
SORTED = "TEMP B-TREE FOR ORDER"
WAYS = {"follow or collect": 10**6, "follow or walk": -1}


@pytest.fixture(scope="module")
def sessions(
    migrated_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[sessionmaker[Session]]:
    """One database for the module: its tests only look."""
    path = tmp_path_factory.mktemp("library") / "autotag.sqlite"
    shutil.copyfile(migrated_template, path)
    factory = build_session_factory(f"sqlite:///{path}", durable=False)
    yield factory
    factory.kw["bind"].dispose()


@pytest.fixture(scope="module")
def library(sessions: sessionmaker[Session]) -> VirtualInstance:
    """Documents of two instances with everything that can be filtered by, spread at random but always the same."""
    chance = random.Random(7)
    make = Factory(sessions)
    ours = make.instance("acme")
    for instance in (ours, make.instance("globex")):
        people = [make.user(instance).id for _ in range(2)]
        with sessions() as session, unit_of_work(session) as work:
            fill(work.session, instance.id, people, chance)
    return ours


@dataclass(frozen=True)
class Facts:
    """All that is known of the documents of an instance, to be looked through one by one."""

    documents: list[Document]
    tags: dict[int, set[str]]
    parents: dict[int, int | None]

    @classmethod
    def of(cls, session: Session, instance_id: int) -> Facts:
        documents = list(session.scalars(select(Document).where(Document.instance_id == instance_id)))
        tags: dict[int, set[str]] = {document.id: set() for document in documents}
        rows = select(TagAssignment.document_id, Tag.normalized_name).join(Tag)
        for document_id, name in session.execute(rows):
            tags.setdefault(document_id, set()).add(name)
        folders = session.execute(select(Folder.id, Folder.parent_id))
        return cls(documents, tags, {row.id: row.parent_id for row in folders})

    def expected(self, query: DocumentQuery) -> list[int]:
        """The ids that a query means, found by looking at each document."""
        found = [document for document in self.documents if self.is_meant(document, query)]
        key = query.order.column.key
        found.sort(key=lambda each: (getattr(each, key), each.id), reverse=query.order.is_descending)
        return [document.id for document in found]

    def is_meant(self, document: Document, query: DocumentQuery) -> bool:
        names = self.tags[document.id]
        words = search.words_of(" ".join([document.title, document.file_name, *names]))
        folders = {query.folder_id}
        if query.with_subfolders:
            folders |= {key for key, parent in self.parents.items() if parent == query.folder_id}
        return (
            (document.deleted_at is not None) == query.in_bin
            and all(any(word.startswith(start) for word in words) for start in search.words_of(query.text))
            and {fold(name) for name in query.tags} <= names
            and (not query.mime_type or document.mime_type.startswith(query.mime_type.rstrip("*")))
            and query.state in (None, document.tagging_state)
            and query.owner_id in (None, document.owner_id)
            and (not query.untagged or not names)
            and (query.folder_id is None or document.folder_id in folders)
        )


def fill(session: Session, instance_id: int, people: list[int], chance: random.Random) -> None:
    top = Folder(instance_id=instance_id, name="Top", normalized_name="top")
    session.add(top)
    session.flush()
    inner = Folder(instance_id=instance_id, name="Inner", normalized_name="inner", parent_id=top.id)
    tags = [Tag(instance_id=instance_id, name=name, normalized_name=fold(name)) for name in ("Cat", "dog")]
    session.add_all([inner, *tags])
    session.flush()
    for _ in range(NUMBER):
        document = Document(
            instance_id=instance_id,
            owner_id=chance.choice(people),
            folder_id=chance.choice([None, top.id, inner.id]),
            title=" ".join(chance.choices(["Beach", "sun", "\u00c4pfel", "zoo"], k=2)),
            file_name="a.png",
            sha256="0" * 64,
            mime_type=chance.choice(["image/png", "image/jpeg", "application/pdf"]),
            size=chance.randrange(5),
            tagging_state=chance.choice([TaggingState.TAGGED, TaggingState.FAILED]),
            deleted_at=utc_now() if chance.random() < 0.2 else None,
        )
        session.add(document)
        session.flush()
        for tag in tags:
            if chance.random() < 0.5:
                values = {"instance_id": instance_id, "document_id": document.id, "tag_id": tag.id}
                session.add(TagAssignment(**values, source="manual"))
        search.refresh(session, [document.id])


def walked(
    session: Session, instance_id: int, query: DocumentQuery, limit: int
) -> tuple[list[int], set[int]]:
    ids: list[int] = []
    totals = set()
    position = None
    while True:
        found = find_page(session, instance_id, query, position, limit)
        assert not found.is_least
        ids += found.ids[:limit]
        totals.add(found.total)
        if len(found.ids) <= limit:
            return ids, totals
        last = session.get_one(Document, found.ids[limit - 1])
        position = (getattr(last, query.order.column.key), last.id)


@pytest.mark.parametrize("few", WAYS.values(), ids=WAYS)
def test_a_page_has_what_a_look_at_each_document_finds(
    session: Session, library: VirtualInstance, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(query_plan, "FEW", few)
    facts = Facts.of(session, library.id)
    folder_id = next(document.folder_id for document in facts.documents if document.folder_id)
    top_id = facts.parents[folder_id] or folder_id
    more: list[dict[str, object]] = [
        {},
        {"owner_id": facts.documents[0].owner_id},
        {"folder_id": top_id},
        {"folder_id": top_id, "with_subfolders": True},
        {"in_bin": True},
    ]
    pairs = itertools.combinations_with_replacement(FILTERS, 2)
    seen = 0
    for number, ((one, other), order) in enumerate(itertools.product(pairs, Order)):
        query = DocumentQuery(**(FILTERS[one] | FILTERS[other] | more[number % 5]), order=order)  # type: ignore[arg-type]
        wanted = facts.expected(query)
        assert walked(session, library.id, query, limit=7) == (wanted, {len(wanted)}), query
        seen += len(wanted)
    assert seen > 1000


def test_a_list_is_counted_up_to_a_number(
    session: Session, library: VirtualInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_plan, "COUNTED_AT_MOST", 5)
    assert find_page(session, library.id, DocumentQuery(), None, 3).total == 6
    assert find_page(session, library.id, DocumentQuery(order=Order.NAME), None, 3).total == 6


def test_a_count_that_would_have_to_look_at_too_many_says_how_many_there_are_at_least(
    session: Session, library: VirtualInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    untagged = DocumentQuery(untagged=True)
    exact = find_page(session, library.id, untagged, None, 3)
    assert not exact.is_least
    monkeypatch.setattr(query_plan, "LOOKED_AT", 20)
    few = find_page(session, library.id, untagged, None, 3)
    assert few.is_least
    assert few.total < exact.total
    assert few.ids == exact.ids
    # A list that fits one page is known wholly, and what an index counts is.
    assert find_page(session, library.id, untagged, None, 100) == query_plan.Found(
        few_ids(session, library), exact.total
    )
    assert not find_page(session, library.id, DocumentQuery(), None, 3).is_least


def few_ids(session: Session, library: VirtualInstance) -> list[int]:
    return Facts.of(session, library.id).expected(DocumentQuery(untagged=True))


@pytest.fixture
def plans(engine: Engine) -> Iterator[list[str]]:
    """How SQLite goes about each statement while the test runs."""
    lines: list[str] = []

    def explain(connection, cursor, statement, parameters, *_rest):  # type: ignore[no-untyped-def]
        if statement.startswith(("SELECT", "WITH")):
            driver = connection.connection.driver_connection
            lines.extend(row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

    event.listen(engine, "before_cursor_execute", explain)
    yield lines
    event.remove(engine, "before_cursor_execute", explain)


@pytest.mark.parametrize("few", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("name", [*FILTERS, "owner", "folder", "folders"])
def test_no_way_looks_at_every_document(
    session: Session,
    library: VirtualInstance,
    plans: list[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    few: int,
) -> None:
    """The library is seen through the wall, as the pages see it."""
    scope_to_instance(session, library.id)
    monkeypatch.setattr(query_plan, "FEW", few)
    others: dict[str, dict[str, object]] = {
        "owner": {"owner_id": 1},
        "folder": {"folder_id": 1},
        "folders": {"folder_id": 1, "with_subfolders": True},
    }
    for order in Order:
        query = DocumentQuery(**(FILTERS | others)[name], order=order)  # type: ignore[arg-type]
        position = ("m" if order.column is Document.title_key else 2, 40)
        for start in (None, position):
            find_page(session, library.id, query, start, 3)
    tables = re.compile(r"SCAN (document|folder|tag|tag_assignment(_\d)?)\b(?!_)")
    assert [line for line in plans if tables.match(line)] == []
    assert not any("AUTOMATIC" in line for line in plans), plans
    if few == -1:
        assert not any(SORTED in line for line in plans), plans


@pytest.mark.parametrize(
    ("values", "index"),
    [
        ({}, "ix_document_newest"),
        ({"state": TaggingState.FAILED}, "ix_document_state"),
        ({"mime_type": "image/png"}, "ix_document_type"),
        ({"owner_id": 1}, "ix_document_owner"),
        ({"folder_id": 1}, "ix_document_folder"),
        ({"tags": ("cat",)}, "ix_tag_assignment_tag"),
        ({"text": "beach"}, "document_search VIRTUAL TABLE INDEX"),
        ({"order": Order.NAME}, "ix_document_title"),
        ({"order": Order.LARGEST}, "ix_document_size"),
    ],
)
def test_each_filter_follows_its_own_index(
    session: Session, library: VirtualInstance, plans: list[str], values: dict[str, object], index: str
) -> None:
    find_page(session, library.id, DocumentQuery(**values), None, 3)  # type: ignore[arg-type]
    assert any(index in line for line in plans), plans
