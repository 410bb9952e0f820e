from sqlalchemy import literal, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import Tag
from autotag.models.base import utc_now
from autotag.models.insertion import insert_new, insert_new_from
from autotag.models.unit_of_work import unit_of_work
from tests.unit.conftest import Factory

COLUMNS = ("instance_id", "name", "normalized_name", "created_at")


def row(instance_id: int, name: str) -> dict[str, object]:
    return dict(zip(COLUMNS, (instance_id, name, name, utc_now()), strict=True))


def test_what_is_there_is_left_alone_and_what_is_new_is_told(
    sessions: sessionmaker[Session], make: Factory
) -> None:
    instance_id = make.instance("acme").id
    with sessions() as session, unit_of_work(session) as work:
        assert insert_new(work.session, Tag.__table__, []) == []
        assert insert_new(work.session, Tag.__table__, [row(instance_id, "cat")]) == []
        rows = [row(instance_id, name) for name in ("cat", "dog")]
        assert [found.name for found in insert_new(work.session, Tag.__table__, rows, Tag.name)] == ["dog"]
        assert sorted(session.scalars(select(Tag.name))) == ["cat", "dog"]


def test_what_a_statement_selects_is_inserted_where_it_is_new(
    sessions: sessionmaker[Session], make: Factory
) -> None:
    one, other = make.instance("acme").id, make.instance("globex").id
    with sessions() as session, unit_of_work(session) as work:
        insert_new(work.session, Tag.__table__, [row(one, "cat"), row(one, "dog"), row(other, "cat")])
        theirs = select(literal(other), Tag.name, Tag.normalized_name, Tag.created_at).where(
            Tag.instance_id == one
        )
        insert_new_from(work.session, Tag.__table__, COLUMNS, theirs)
        names = select(Tag.name).where(Tag.instance_id == other)
        assert sorted(session.scalars(names)) == ["cat", "dog"]
