from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.errors import FolderNotFound, FolderRefused
from autotag.media.folders import folder_tree, folders
from autotag.media.folders.folder_tree import (
    descendant_ids,
    folder_choices,
    folder_tiles,
    load_folder,
    path_of,
)
from autotag.media.folders.folders import (
    clean_folder_name,
    create_folder,
    delete_folder,
    ensure_path,
    move_folder,
    rename_folder,
    restore_folder,
)
from autotag.models import Document, Folder, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from tests.unit.conftest import Factory

MakeFolder = Callable[..., int]


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def folder(sessions: sessionmaker[Session], acme: VirtualInstance) -> MakeFolder:
    """Makes a folder and returns its id."""

    def make_folder(name: str, parent_id: int | None = None) -> int:
        with sessions() as session, unit_of_work(session) as work:
            return create_folder(work, acme.id, name, parent_id=parent_id).id

    return make_folder


def names(session: Session, acme: VirtualInstance) -> list[str]:
    return [choice.path for choice in folder_choices(session, acme.id)]


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Holiday", "Holiday"),
        ("  Holiday 2026 ", "Holiday 2026"),
        ("A\u030angstro\u0308m", "\u00c5ngstr\u00f6m"),
        ("x" * 255, "x" * 255),
    ],
)
def test_a_name_is_trimmed_and_composed(typed: str, stored: str) -> None:
    assert clean_folder_name(typed) == stored


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "Enter a name"),
        (" \t ", "Enter a name"),
        ("x" * 256, "255"),
        ("\u00df" * 200, "255"),
        ("a/b", "slash"),
        ("a\x00b", "control"),
        ("a\u202eb", "control"),
        ("a\nb", "control"),
        ("..", "cannot be called"),
        (".", "cannot be called"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_its_reason(typed: str, reason: str) -> None:
    with pytest.raises(FolderRefused, match=reason) as refused:
        clean_folder_name(typed)
    assert refused.value.code == "folder_name"


def test_folders_nest_and_are_listed_each_below_its_parent_by_name(
    session: Session, acme: VirtualInstance, folder: MakeFolder
) -> None:
    zoo, holiday = folder("zoo"), folder("Holiday")
    year = folder("2026", holiday)
    folder("may", year)
    folder("2025", holiday)
    assert names(session, acme) == ["Holiday", "Holiday/2025", "Holiday/2026", "Holiday/2026/may", "zoo"]
    assert [choice.depth for choice in folder_choices(session, acme.id)] == [1, 2, 2, 3, 1]
    assert [step.name for step in path_of(session, acme.id, year)] == ["Holiday", "2026"]
    assert sorted(descendant_ids(session, acme.id, holiday).values()) == [1, 2, 2, 3]
    assert descendant_ids(session, acme.id, zoo) == {zoo: 1}


def test_siblings_differ_in_more_than_case_and_elsewhere_the_name_is_free(
    session: Session, acme: VirtualInstance, folder: MakeFolder
) -> None:
    top = folder("Holiday")
    inside = folder("HOLIDAY", top)
    for parent_id in (None, top):
        with pytest.raises(FolderRefused, match="called hoLiday here already") as refused:
            folder("hoLiday", parent_id)
        assert refused.value.code == "folder_exists"
    with unit_of_work(session) as work:
        other = create_folder(work, acme.id, "other", parent_id=top)
        with pytest.raises(FolderRefused):
            rename_folder(work, acme.id, other.id, "holiday")
        # The refusal leaves the transaction usable.
        assert rename_folder(work, acme.id, inside, "Holidays").name == "Holidays"
    elsewhere = folder("holidays")
    with unit_of_work(session) as work, pytest.raises(FolderRefused) as refused:
        move_folder(work, acme.id, elsewhere, top)
    assert refused.value.code == "folder_exists"


def test_a_folder_may_change_only_the_case_of_its_name(
    session: Session, acme: VirtualInstance, folder: MakeFolder
) -> None:
    folder_id = folder("holiday")
    with unit_of_work(session) as work:
        rename_folder(work, acme.id, folder_id, "Holiday")
    assert names(session, acme) == ["Holiday"]


def test_a_folder_moves_with_all_that_is_in_it_but_not_into_itself(
    session: Session, acme: VirtualInstance, folder: MakeFolder
) -> None:
    holiday, work_folder = folder("Holiday"), folder("Work")
    year = folder("2026", holiday)
    deepest = folder("May", year)
    with unit_of_work(session) as work:
        move_folder(work, acme.id, year, work_folder)
    assert names(session, acme) == ["Holiday", "Work", "Work/2026", "Work/2026/May"]
    for target in (year, deepest):
        with unit_of_work(session) as work, pytest.raises(FolderRefused) as refused:
            move_folder(work, acme.id, year, target)
        assert refused.value.code == "folder_into_itself"
    with unit_of_work(session) as work:
        move_folder(work, acme.id, year, None)
    assert names(session, acme) == ["2026", "2026/May", "Holiday", "Work"]


def test_folders_nest_only_so_deep(
    session: Session, acme: VirtualInstance, folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "MAXIMUM_DEPTH", 3)
    a = folder("a")
    c = folder("c", folder("b", a))
    with pytest.raises(FolderRefused) as refused:
        folder("d", c)
    assert refused.value.code == "folder_too_deep"
    two = folder("one")
    folder("two", two)
    with unit_of_work(session) as work, pytest.raises(FolderRefused, match="3 deep at most"):
        move_folder(work, acme.id, two, path_of(session, acme.id, c)[1].id)
    with unit_of_work(session) as work:
        move_folder(work, acme.id, two, a)


def test_tiles_count_the_files_of_each_folder_up_to_a_number(
    session: Session,
    acme: VirtualInstance,
    folder: MakeFolder,
    make: Factory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(folder_tree, "COUNTED_AT_MOST", 3)
    full, empty = folder("full"), folder("Empty")
    for _ in range(4):
        make.document(acme, folder_id=full)
    make.document(acme, folder_id=empty, deleted_at=utc_now())
    tiles = folder_tiles(session, acme.id, None)
    assert [(tile.name, tile.documents) for tile in tiles.items] == [("Empty", 0), ("full", 3)]
    assert tiles.total == 2
    first = folder_tiles(session, acme.id, None, limit=1)
    assert ([tile.name for tile in first.items], first.total) == (["Empty"], 2)
    assert folder_tiles(session, acme.id, full).items == []


def test_deleting_a_folder_puts_its_files_into_the_bin_and_undo_brings_all_back(
    session: Session, acme: VirtualInstance, folder: MakeFolder, make: Factory
) -> None:
    person = make.user(acme)
    holiday = folder("Holiday")
    year = folder("2026", holiday)
    outside = make.document(acme)
    inside = make.document(acme, folder_id=holiday)
    below = make.document(acme, folder_id=year)
    with unit_of_work(session) as work:
        deleted = delete_folder(work, acme.id, holiday, user_id=person.id)
    assert (deleted.path, deleted.parent_id) == ("Holiday", None)
    assert session.scalar(select(func.count()).select_from(Folder)) == 0
    rows = {document.id: document for document in session.scalars(select(Document))}
    assert rows[outside.id].deleted_at is None
    assert {rows[each.id].deleted_at for each in (inside, below)} == {deleted.stamp}
    assert [rows[each.id].deleted_from for each in (inside, below)] == ["Holiday", "Holiday/2026"]
    with unit_of_work(session) as work:
        restored = restore_folder(work, acme.id, deleted.path, deleted.stamp, user_id=person.id)
    assert names(session, acme) == ["Holiday", "Holiday/2026"]
    session.expire_all()
    assert session.get_one(Document, inside.id).folder_id == restored
    assert session.get_one(Document, below.id).deleted_at is None


def test_an_empty_folder_comes_back_too_where_it_was(
    session: Session, acme: VirtualInstance, folder: MakeFolder
) -> None:
    holiday = folder("Holiday")
    empty = folder("Empty", holiday)
    with unit_of_work(session) as work:
        deleted = delete_folder(work, acme.id, empty, user_id=None)
    assert (deleted.path, deleted.parent_id) == ("Holiday/Empty", holiday)
    with unit_of_work(session) as work:
        restore_folder(work, acme.id, deleted.path, deleted.stamp, user_id=None)
    assert names(session, acme) == ["Holiday", "Holiday/Empty"]


@pytest.mark.parametrize("offset", [1000, -(10**6), 2**40, 2**70])
def test_a_number_that_no_folder_has_is_not_found(
    session: Session, acme: VirtualInstance, folder: MakeFolder, offset: int
) -> None:
    number = folder("Holiday") + offset
    for look in (load_folder, path_of):
        with pytest.raises(FolderNotFound):
            look(session, acme.id, number)


def test_a_folder_of_another_instance_is_not_there(
    session: Session, make: Factory, folder: MakeFolder
) -> None:
    other = make.instance("globex")
    theirs = folder("Secret")
    with unit_of_work(session) as work:
        mine = create_folder(work, other.id, "Mine").id
        for refuse in (
            lambda: create_folder(work, other.id, "x", parent_id=theirs),
            lambda: rename_folder(work, other.id, theirs, "x"),
            lambda: move_folder(work, other.id, theirs, None),
            lambda: move_folder(work, other.id, mine, theirs),
            lambda: delete_folder(work, other.id, theirs, user_id=None),
        ):
            with pytest.raises(FolderNotFound):
                refuse()
    assert [choice.name for choice in folder_choices(session, other.id)] == ["Mine"]
    assert descendant_ids(session, other.id, theirs) == {}


def test_a_path_is_made_below_a_folder_and_found_again(
    session: Session, acme: VirtualInstance, folder: MakeFolder
) -> None:
    top = folder("Trips")
    with unit_of_work(session) as work:
        made = ensure_path(work, acme.id, "Italy//Rome", parent_id=top)
        assert ensure_path(work, acme.id, "italy/ROME", parent_id=top) == made
        assert ensure_path(work, acme.id, "", parent_id=top) == top
        assert ensure_path(work, acme.id, "") is None
    assert names(session, acme) == ["Trips", "Trips/Italy", "Trips/Italy/Rome"]


def test_a_path_with_a_bad_step_or_too_deep_is_refused_whole(
    session: Session, acme: VirtualInstance, folder: MakeFolder
) -> None:
    top = folder("Trips")
    for path, code in [("Italy/..", "folder_name"), ("/".join("x" * 20), "folder_too_deep")]:
        with pytest.raises(FolderRefused) as refused, unit_of_work(session) as work:
            ensure_path(work, acme.id, path, parent_id=top)
        assert refused.value.code == code
    with pytest.raises(FolderNotFound), unit_of_work(session) as work:
        ensure_path(work, acme.id, "Italy", parent_id=99)
    assert names(session, acme) == ["Trips"]
