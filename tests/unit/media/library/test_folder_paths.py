from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.library.folder_paths import ensure_folder, folder_paths
from autotag.models import Folder, VirtualInstance
from autotag.models.names import fold
from autotag.models.unit_of_work import unit_of_work
from tests.unit.conftest import Factory


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def folder(sessions: sessionmaker[Session]) -> Callable[..., int]:
    def folder(instance: VirtualInstance, name: str, parent: int | None = None) -> int:
        with sessions() as session, unit_of_work(session) as work:
            row = Folder(instance_id=instance.id, parent_id=parent, name=name, normalized_name=fold(name))
            work.session.add(row)
            work.session.flush()
            return row.id

    return folder


def test_a_path_names_the_folders_from_the_top_down(
    session: Session, acme: VirtualInstance, folder: Callable[..., int]
) -> None:
    top = folder(acme, "Holidays")
    rome = folder(acme, "Rome", top)
    assert folder_paths(session, acme.id, [rome, top, 999]) == {rome: "Holidays/Rome", top: "Holidays"}
    assert folder_paths(session, acme.id, []) == {}


def test_folders_of_another_instance_have_no_path(
    session: Session, make: Factory, acme: VirtualInstance, folder: Callable[..., int]
) -> None:
    theirs = folder(make.instance("globex"), "Secret")
    assert folder_paths(session, acme.id, [theirs]) == {}


def test_what_is_missing_of_a_path_is_made_and_what_is_there_is_used(
    session: Session, make: Factory, acme: VirtualInstance, folder: Callable[..., int]
) -> None:
    top = folder(acme, "Holidays")
    folder(make.instance("globex"), "Rome")
    with unit_of_work(session):
        made = ensure_folder(session, acme.id, "HOLIDAYS/Rome/Forum")
        assert ensure_folder(session, acme.id, "holidays/rome/forum") == made
    assert made is not None
    assert folder_paths(session, acme.id, [made]) == {made: "Holidays/Rome/Forum"}
    assert folder_paths(session, acme.id, [top]) == {top: "Holidays"}


@pytest.mark.parametrize("path", ["", "/", "//"])
def test_the_empty_path_is_the_top(session: Session, acme: VirtualInstance, path: str) -> None:
    assert ensure_folder(session, acme.id, path) is None


def test_a_path_goes_on_below_a_folder(
    session: Session, acme: VirtualInstance, folder: Callable[..., int]
) -> None:
    top = folder(acme, "Holidays")
    with unit_of_work(session):
        made = ensure_folder(session, acme.id, "Rome", parent_id=top)
        assert ensure_folder(session, acme.id, "", parent_id=top) == top
    assert made is not None
    assert folder_paths(session, acme.id, [made]) == {made: "Holidays/Rome"}
