"""The recycle bin, actions over many documents and the sweep on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.bin.deletion_batch import list_bin
from autotag.media.bin.recycle_bin import purge, restore, trash
from autotag.media.library.query import DocumentQuery, Selection
from autotag.media.library.search import refresh
from autotag.media.storage.garbage import ReleasedSweep
from autotag.media.storage.storage import FolderStorage
from autotag.models import (
    BulkAction,
    Document,
    Folder,
    ReleasedContent,
    TagAssignment,
    TaggingState,
)
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.tagging.bulk.actions import BulkKind, start_action
from autotag.tagging.bulk.scheduler_step import tend_bulk_actions
from autotag.tagging.bulk.undo import undo_action

pytestmark = pytest.mark.postgresql

DOCUMENTS = 1200
EVERYTHING = Selection(query=DocumentQuery())
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
IN_BIN = Selection(query=DocumentQuery(in_bin=True))


@pytest.fixture
def library(sessions: sessionmaker[Session], instance_id: int) -> int:
    """The instance, with documents in a folder; returns its id."""
    with sessions() as session, unit_of_work(session) as work:
        folder = Folder(instance_id=instance_id, name="Rome", normalized_name="rome")
        work.session.add(folder)
        work.session.flush()
        documents = [
            Document(
                instance_id=instance_id,
                folder_id=folder.id,
                title=f"Document {number}",
                file_name="a.png",
                sha256=f"{number:064x}",
                mime_type="image/png",
                size=1,
                tagging_state=TaggingState.TAGGED,
            )
            for number in range(DOCUMENTS)
        ]
        work.session.add_all(documents)
        work.session.flush()
        refresh(work.session, [document.id for document in documents])
        return instance_id


def do(
    sessions: sessionmaker[Session], service: Callable[..., object], *given: object, **options: object
) -> object:
    with sessions() as session, unit_of_work(session) as work:
        return service(work, *given, **options)


def test_documents_go_into_the_bin_and_back_and_for_good(
    sessions: sessionmaker[Session], library: int, tmp_path: Path
) -> None:
    do(sessions, trash, library, EVERYTHING, user_id=None)
    with sessions() as session:
        page = list_bin(session, library)
        following = list_bin(session, library, behind=page.next_position)
    assert (page.total, len(page.items), page.items[0].document.deleted_from) == (DOCUMENTS, 60, "Rome")
    assert page.items[-1].document.id == following.items[0].document.id + 1
    with sessions() as session, unit_of_work(session) as work:
        work.session.delete(work.session.scalars(select(Folder)).one())
    assert do(sessions, restore, library, IN_BIN) == DOCUMENTS
    do(sessions, trash, library, EVERYTHING, user_id=None)
    assert do(sessions, purge, library, IN_BIN) == DOCUMENTS
    with sessions() as session:
        assert len(session.scalars(select(ReleasedContent)).all()) == DOCUMENTS
    do(sessions, _age)
    sweep = ReleasedSweep(sessions, FolderStorage(tmp_path))
    while sweep.step():
        pass
    assert sweep.removed == DOCUMENTS


def _age(work: UnitOfWork) -> None:
    work.session.execute(update(ReleasedContent).values(released_at=LONG_AGO))


def test_two_schedulers_at_once_do_each_part_once(sessions: sessionmaker[Session], library: int) -> None:
    given = {"add": ["cat"], "remove": []}
    action = do(
        sessions, start_action, library, BulkKind.EDIT_TAGS, EVERYTHING, user_id=None, parameters=given
    )
    assert isinstance(action, BulkAction)
    errors: list[BaseException] = []

    def tend() -> None:
        try:
            while tend_bulk_actions(sessions):
                pass
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=tend) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with sessions() as session:
        done = session.scalars(select(BulkAction.done)).one()
        tagged = session.scalars(select(TagAssignment.document_id)).all()
    assert done == len(tagged) == len(set(tagged)) == DOCUMENTS


def test_a_deletion_is_undone(sessions: sessionmaker[Session], library: int) -> None:
    action = do(sessions, start_action, library, BulkKind.DELETE, EVERYTHING, user_id=None)
    assert isinstance(action, BulkAction)
    while tend_bulk_actions(sessions):
        pass
    do(sessions, undo_action, library, action.id, user_id=None)
    while tend_bulk_actions(sessions):
        pass
    with sessions() as session:
        assert session.scalars(select(Document.id).where(Document.deleted_at.is_not(None))).all() == []
