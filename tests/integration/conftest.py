"""What the tests of single services on PostgreSQL share: a database with the tables, an instance, documents."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import Document, TaggingState, VirtualInstance, schema
from autotag.models.engine import build_engine
from autotag.models.unit_of_work import unit_of_work


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[Engine]:
    """An engine on a PostgreSQL database with the tables of this version."""
    engine = build_engine(postgresql_url)
    schema.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker[Session]:
    return sessionmaker(engine, expire_on_commit=False)


@pytest.fixture
def instance_id(sessions: sessionmaker[Session]) -> int:
    """The default instance, which has nothing in it."""
    with sessions() as session, unit_of_work(session) as work:
        instance = VirtualInstance(web_id="default", virtual_host="localhost")
        work.session.add(instance)
        work.session.flush()
        return instance.id


@pytest.fixture
def documents(sessions: sessionmaker[Session], instance_id: int) -> list[int]:
    """The ids of some documents that wait to be tagged."""
    with sessions() as session, unit_of_work(session) as work:
        rows = [
            Document(
                instance_id=instance_id,
                title=f"Picture {number}",
                file_name=f"{number}.jpg",
                sha256=f"{number:064x}",
                mime_type="image/jpeg",
                size=1,
                tagging_state=TaggingState.QUEUED,
            )
            for number in range(40)
        ]
        work.session.add_all(rows)
        work.session.flush()
        return [row.id for row in rows]
