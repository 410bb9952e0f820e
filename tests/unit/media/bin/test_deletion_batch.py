from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from autotag.media.bin.deletion_batch import Position, count_in_bin, list_bin, load_binned
from autotag.media.errors import DocumentNotFound
from autotag.media.library.query import DocumentQuery, Selection
from autotag.models import VirtualInstance
from tests.unit.conftest import Factory

NOON = datetime(2026, 5, 3, 12, tzinfo=UTC)


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_over_equal_moments_have_no_gap_and_no_repetition(
    session: Session, make: Factory, acme: VirtualInstance, limit: int
) -> None:
    made = [make.document(acme, deleted_at=NOON + timedelta(hours=hour)).id for hour in (0, 0, 1, 1, 1, 0, 2)]
    make.document(acme)
    make.document(make.instance("globex"), deleted_at=NOON)
    found: list[int] = []
    behind: Position | None = None
    while True:
        page = list_bin(session, acme.id, behind=behind, limit=limit)
        found += [item.document.id for item in page.items]
        behind = page.next_position
        if behind is None:
            break
    assert found == [made[6], made[4], made[3], made[2], made[5], made[1], made[0]]
    assert page.total == 7


def test_the_number_of_statements_does_not_grow_with_the_number_of_rows(
    engine: Engine, session: Session, make: Factory, acme: VirtualInstance
) -> None:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    lengths = []
    for _ in range(2):
        for _ in range(5):
            make.document(acme, deleted_at=NOON, deleted_by_id=make.user(acme).id)
        session.rollback()
        statements.clear()
        assert all(item.deleted_by for item in list_bin(session, acme.id).items)
        lengths.append(len([one for one in statements if not one.startswith("BEGIN")]))
    assert lengths == [2, 2]


def test_what_is_chosen_is_counted_in_the_bin_alone(
    session: Session, make: Factory, acme: VirtualInstance
) -> None:
    dead, alive = make.document(acme, deleted_at=NOON), make.document(acme)
    later = make.document(acme, deleted_at=NOON)
    assert count_in_bin(session, acme.id, Selection(ids=(dead.id, alive.id))) == 1
    everything = Selection(query=DocumentQuery())
    assert count_in_bin(session, acme.id, everything) == 2
    assert count_in_bin(session, acme.id, everything, later.id - 1) == 1


def test_only_what_lies_in_this_bin_is_loaded(session: Session, make: Factory, acme: VirtualInstance) -> None:
    dead = make.document(acme, deleted_at=NOON)
    assert load_binned(session, acme.id, dead.id).id == dead.id
    theirs = make.document(make.instance("globex"), deleted_at=NOON)
    for number in (theirs.id, make.document(acme).id, 2**40):
        with pytest.raises(DocumentNotFound):
            load_binned(session, acme.id, number)
