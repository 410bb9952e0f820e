"""The seeded library: measurements stand on it, so it has to be what it says."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.library.library import list_documents
from autotag.media.library.query import DocumentQuery
from autotag.models import Document, DocumentVersion, Folder, Tag, TagAssignment, TaggingState, User, schema
from autotag.models.engine import build_session_factory
from tests.support.postgresql import database_elsewhere

DOCUMENTS = 600


@pytest.fixture
def fill(seed: ModuleType, sessions: sessionmaker[Session]) -> Callable[..., list[int]]:
    def fill(**options: Any) -> list[int]:
        ids: list[int] = seed.fill(sessions, documents=DOCUMENTS, **options)
        return ids

    return fill


def counted(session: Session, *condition: Any) -> int:
    return session.scalar(select(func.count()).where(*condition)) or 0


def test_each_instance_gets_as_many_documents_with_about_three_tags_each(
    fill: Callable[..., list[int]], session: Session, seed: ModuleType
) -> None:
    for instance_id in fill(instances=2):
        assert counted(session, Document.instance_id == instance_id) == DOCUMENTS
        assert counted(session, DocumentVersion.instance_id == instance_id) == DOCUMENTS
        assignments = counted(session, TagAssignment.instance_id == instance_id)
        assert 2.5 * DOCUMENTS < assignments < 3.5 * DOCUMENTS
        usages = dict(
            session.execute(
                select(Tag.name, func.count())
                .join(TagAssignment, TagAssignment.tag_id == Tag.id)
                .where(Tag.instance_id == instance_id)
                .group_by(Tag.name)
            ).all()
        )
        assert 0.25 * DOCUMENTS < usages[seed.COMMON_TAG] < 0.42 * DOCUMENTS
        assert usages[seed.RARE_TAG] == 1
        assert len(usages) > 150


def test_documents_stand_in_all_states_kinds_and_folders_and_some_in_the_recycle_bin(
    fill: Callable[..., list[int]], session: Session
) -> None:
    fill()
    states = set(session.scalars(select(Document.tagging_state).distinct()))
    assert states == set(TaggingState) - {TaggingState.RUNNING}
    assert len(set(session.scalars(select(Document.mime_type).distinct()))) > 4
    assert counted(session, Document.deleted_at.is_not(None)) > 3
    assert len(set(session.scalars(select(Document.folder_id).distinct()))) > 50
    assert counted(session, Folder.parent_id.is_not(None)) > 100
    moments = list(session.scalars(select(Document.created_at).order_by(Document.id)))
    assert moments == sorted(moments)


def test_the_search_finds_what_was_seeded(
    fill: Callable[..., list[int]], session: Session, seed: ModuleType
) -> None:
    instance_id = fill()[0]
    found = list_documents(session, instance_id, DocumentQuery(text=seed.COMMON_TAG))
    tagged = list_documents(session, instance_id, DocumentQuery(tags=(seed.COMMON_TAG,)))
    assert found.total == tagged.total > 100
    title = session.scalars(select(Document.title).where(Document.id == 7)).one()
    assert title in [
        item.document.title
        for item in list_documents(session, instance_id, DocumentQuery(text=title), limit=200).items
    ]


def test_the_same_seed_makes_the_same_rows(
    seed: ModuleType, sessions: sessionmaker[Session], database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "second").mkdir()
    second = build_session_factory(database_elsewhere(database_url, tmp_path / "second"), durable=False)
    schema.upgrade(second.kw["bind"])
    columns = (Document.title, Document.mime_type, Document.size, Document.tagging_state, Document.folder_id)
    made = []
    for factory in (sessions, second):
        seed.fill(factory, documents=DOCUMENTS, seed=3)
        with factory() as session:
            documents = session.execute(select(*columns).order_by(Document.id)).all()
            pairs = select(TagAssignment.document_id, TagAssignment.tag_id)
            tags = session.execute(pairs.order_by(TagAssignment.document_id, TagAssignment.tag_id)).all()
            made.append((documents, tags))
    second.kw["bind"].dispose()
    assert made[0] == made[1]


def test_a_second_filling_adds_documents_to_the_same_tags_and_people(
    fill: Callable[..., list[int]], session: Session
) -> None:
    fill()
    before = [session.scalar(select(func.count(model.id))) for model in (Tag, User, Folder)]
    session.rollback()
    fill(seed=2)
    assert [session.scalar(select(func.count(model.id))) for model in (Tag, User, Folder)] == before
    assert session.scalar(select(func.count(Document.id))) == 2 * DOCUMENTS
