from collections.abc import Callable

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.errors import FolderNotFound
from autotag.media.folders.moving import Places, move_back, move_documents
from autotag.models import Document, Folder, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from tests.unit.conftest import Factory


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def folder(sessions: sessionmaker[Session]) -> Callable[[VirtualInstance, str], int]:
    def folder(instance: VirtualInstance, name: str) -> int:
        with sessions() as session, unit_of_work(session) as work:
            row = Folder(instance_id=instance.id, name=name, normalized_name=name)
            work.session.add(row)
            work.session.flush()
            return row.id

    return folder


def place(session: Session, document: Document) -> int | None:
    session.rollback()
    return session.scalars(select(Document.folder_id).where(Document.id == document.id)).one()


def move(session: Session, instance: VirtualInstance, folder_id: int | None, *documents: Document) -> Places:
    with unit_of_work(session) as work:
        return move_documents(work, instance.id, [document.id for document in documents], folder_id)


def test_moved_documents_lie_in_the_folder_and_where_they_lay_is_told(
    session: Session, make: Factory, acme: VirtualInstance, folder: Callable[..., int]
) -> None:
    rome, paris = folder(acme, "rome"), folder(acme, "paris")
    first, second, there = make.document(acme), make.document(acme, folder_id=rome), make.document(acme)
    move(session, acme, paris, there)
    assert move(session, acme, paris, first, second, there) == {None: [first.id], rome: [second.id]}
    assert [place(session, one) for one in (first, second, there)] == [paris] * 3
    assert move(session, acme, None, first) == {paris: [first.id]}
    assert place(session, first) is None


def test_undoing_moves_back_what_is_still_there(
    session: Session, make: Factory, acme: VirtualInstance, folder: Callable[..., int]
) -> None:
    rome, paris, oslo = (folder(acme, name) for name in ("rome", "paris", "oslo"))
    top, from_rome, moved_on, from_oslo = (
        make.document(acme, folder_id=where) for where in (None, rome, rome, oslo)
    )
    before = move(session, acme, paris, top, from_rome, moved_on, from_oslo)
    move(session, acme, None, moved_on)
    with unit_of_work(session) as work:
        work.session.execute(text("DELETE FROM folder WHERE name = 'oslo'"))
        assert move_back(work, acme.id, before, paris) == 2
    assert [place(session, one) for one in (top, from_rome, moved_on, from_oslo)] == [None, rome, None, paris]


def test_a_folder_that_is_not_there_is_refused_another_instances_as_well(
    session: Session, make: Factory, acme: VirtualInstance, folder: Callable[..., int]
) -> None:
    theirs = folder(make.instance("globex"), "secret")
    document = make.document(acme)
    for wrong in (theirs, 999):
        with pytest.raises(FolderNotFound):
            move(session, acme, wrong, document)
    assert place(session, document) is None


def test_documents_of_another_instance_and_of_the_bin_stay(
    session: Session, make: Factory, acme: VirtualInstance, folder: Callable[..., int]
) -> None:
    rome = folder(acme, "rome")
    theirs, binned = make.document(make.instance("globex")), make.document(acme, deleted_at=utc_now())
    assert move(session, acme, rome, theirs, binned) == {}
    assert place(session, theirs) is None
    with unit_of_work(session) as work:
        assert move_back(work, acme.id, {rome: [theirs.id, binned.id]}, None) == 0
    assert place(session, theirs) is None
