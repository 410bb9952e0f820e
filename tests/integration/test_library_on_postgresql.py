"""Documents and Media on PostgreSQL: search, filters, each order, paging; folders made at once; edits taken back."""

from __future__ import annotations

import itertools
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.entries import UPLOADS
from autotag.media.folders.folders import ensure_path
from autotag.media.library import query_plan, search
from autotag.media.library.adjacent import neighbours_of
from autotag.media.library.folder_paths import folder_paths
from autotag.media.library.library import list_documents
from autotag.media.library.query import DocumentQuery, Order, Selection, owners_of, types_of
from autotag.models import (
    AssignmentSource,
    ConfigurationRecord,
    Document,
    Folder,
    Level,
    Tag,
    TagAssignment,
    TagRejection,
    VirtualInstance,
)
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk.actions import BulkKind, start_action
from autotag.tagging.bulk.undo import undo_action
from autotag.tagging.document_tags.assign import add_tags, remove_tags
from tests.unit.conftest import Factory
from tests.unit.media.library.test_query_plan import FILTERS, Facts, fill, walked
from tests.unit.media.uploads.test_quota import add_at_once, held

pytestmark = pytest.mark.postgresql


@pytest.fixture
def library(sessions: sessionmaker[Session], instance_id: int) -> int:
    """Documents of two instances with everything that can be filtered by; returns the id of one."""
    chance, make = random.Random(7), Factory(sessions)
    make.instance("globex")
    with sessions() as session:
        instances = session.scalars(select(VirtualInstance)).all()
    for instance in instances:
        people = [make.user(instance).id for _ in range(2)]
        with sessions() as session, unit_of_work(session) as work:
            fill(work.session, instance.id, people, chance)
    return instance_id


def test_each_filter_in_each_order_has_what_a_look_at_each_document_finds(
    sessions: sessionmaker[Session], library: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = 0
    with sessions() as session:
        facts = Facts.of(session, library)
        inside = next(document.folder_id for document in facts.documents if document.folder_id)
        more = itertools.cycle([{}, {"folder_id": inside, "with_subfolders": True}, {"in_bin": True}])
        for (few, name), order in itertools.product(itertools.product((10**6, -1), FILTERS), Order):
            monkeypatch.setattr(query_plan, "FEW", few)
            query = DocumentQuery(**(FILTERS[name] | next(more)), order=order)  # type: ignore[arg-type]
            wanted = facts.expected(query)
            assert walked(session, library, query, limit=7) == (wanted, {len(wanted)}), query
            seen += len(wanted)
    assert seen > 300


def test_pages_and_neighbours_follow_each_order(sessions: sessionmaker[Session], library: int) -> None:
    with sessions() as session:
        facts = Facts.of(session, library)
        for order in Order:
            query = DocumentQuery(order=order)
            wanted = facts.expected(query)
            first = list_documents(session, library, query, limit=20)
            second = list_documents(session, library, query, cursor=first.next_cursor, limit=20)
            shown = [item.document.id for item in (*first.items, *second.items)]
            assert shown == wanted[:40], order
            beside = neighbours_of(session, library, query, session.get_one(Document, wanted[5]))
            assert beside.previous is not None
            assert beside.next is not None
            assert (beside.previous.id, beside.next.id) == (wanted[4], wanted[6]), order
        assert types_of(session, library) == ["application/pdf", "image/jpeg", "image/png"]
        assert len(owners_of(session, library)) == 2


def test_the_search_finds_the_beginnings_of_words_without_accents_and_case(
    sessions: sessionmaker[Session], instance_id: int, documents: list[int]
) -> None:
    with sessions() as session, unit_of_work(session) as work:
        document = work.session.get_one(Document, documents[0])
        document.title, document.description = "Caf\u00e9 at the lighthouse", "In the evening."
        add_tags(work, instance_id, documents[:1], ["harbour"], user_id=None)
        search.refresh(work.session, documents)

    def found(text: str, instance: int = instance_id) -> list[int]:
        with sessions() as session:
            query = DocumentQuery(text=text, order=Order.OLDEST)
            return [item.document.id for item in list_documents(session, instance, query).items]

    for text in ("lighthouse", "LIGHT", "cafe", "CAF\u00c9 evening", "harb", "harbour 0 jpg"):
        assert found(text) == documents[:1], text
        assert found(text, instance_id + 1) == [], text
    assert found("ighthouse") == found("lighthouse bicycle") == []
    # Signs that mean something to a search engine are none of ours.
    assert found("jpg") == found("' | & ! :* ( <-> ") == documents


def test_uploads_at_once_share_the_folders_that_they_bring(
    sessions: sessionmaker[Session], instance_id: int
) -> None:
    def make_path(number: int) -> int | None:
        with sessions() as session, unit_of_work(session) as work:
            return ensure_path(work, instance_id, f"Italy/{'Rome' if number % 2 else 'ROME'}")

    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(make_path, range(16)))
    with sessions() as session:
        assert session.scalar(select(func.count(Folder.id))) == 2
        (path,) = folder_paths(session, instance_id, [one for one in made if one]).values()
    assert path.lower() == "italy/rome"


def test_an_edit_of_tags_is_undone_and_what_people_did_since_stays(
    sessions: sessionmaker[Session], instance_id: int, documents: list[int]
) -> None:
    some = Selection(ids=tuple(documents[:3]))
    with sessions() as session, unit_of_work(session) as work:
        add_tags(work, instance_id, documents[:3], ["old"], user_id=None)
        assignment = work.session.scalars(
            select(TagAssignment).where(TagAssignment.document_id == documents[0])
        ).one()
        assignment.source, assignment.provider, assignment.confidence = (
            AssignmentSource.AUTO,
            "tensorflow",
            0.75,
        )
    edit = {"add": ["new"], "remove": ["old"]}
    with sessions() as session, unit_of_work(session) as work:
        action = start_action(work, instance_id, BulkKind.EDIT_TAGS, some, user_id=None, parameters=edit)
    with sessions() as session, unit_of_work(session) as work:
        remove_tags(work, instance_id, documents[1:2], ["new"], user_id=None)
        add_tags(work, instance_id, documents[2:3], ["old"], user_id=None)
    with sessions() as session, unit_of_work(session) as work:
        undo_action(work, instance_id, action.id, user_id=None)
    with sessions() as session:
        rows = session.execute(
            select(TagAssignment.document_id, Tag.name, TagAssignment.source, TagAssignment.confidence)
            .join(Tag, Tag.id == TagAssignment.tag_id)
            .order_by(TagAssignment.document_id)
        ).all()
        assert [tuple(row) for row in rows] == [
            (documents[0], "old", "auto", 0.75),
            (documents[1], "old", "manual", None),
            (documents[2], "old", "manual", None),
        ]
        removed = session.execute(select(TagRejection.document_id, TagRejection.normalized_name)).all()
        assert [tuple(row) for row in removed] == [(documents[1], "new")]


@pytest.mark.parametrize("limit", [{"maximum_number_of_files": 3}, {"maximum_storage": 3}])
def test_uploads_at_once_never_exceed_the_quota(
    sessions: sessionmaker[Session], instance_id: int, limit: dict[str, int]
) -> None:
    with sessions() as session, unit_of_work(session) as work:
        instance = work.session.get_one(VirtualInstance, instance_id)
        work.session.add(
            ConfigurationRecord(
                entry=UPLOADS.key,
                level=Level.INSTANCE,
                instance_id=instance_id,
                values=UPLOADS.defaults | limit,
            )
        )
    outcomes = add_at_once(sessions, instance, 12)
    assert sorted(outcomes) == ["quota_exceeded"] * 9 + ["stored"] * 3
    with sessions() as session:
        assert held(session, instance) == (3, 3_000_000)
