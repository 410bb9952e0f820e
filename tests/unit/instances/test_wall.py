"""Each test asks for everything, in one way of asking, and must see only what is on its side of the wall."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, delete, event, func, select, text, update
from sqlalchemy.orm import Session, aliased, joinedload, selectinload, sessionmaker

from autotag.instances.wall import across_instances, leave_instance, scope_to_instance
from autotag.models import Document, Tag, TagAssignment, User, VirtualInstance
from tests.unit.conftest import Factory


@pytest.fixture
def ours(make: Factory) -> Document:
    return _document(make, "ours")


@pytest.fixture
def theirs(make: Factory) -> Document:
    return _document(make, "theirs")


def _document(make: Factory, title: str) -> Document:
    instance = make.instance()
    document = make.document(instance, title=title, owner_id=make.user(instance).id)
    make.tag(document, f"tag of {title}")
    return document


@pytest.fixture
def scoped(sessions: sessionmaker[Session], ours: Document, theirs: Document) -> Iterator[Session]:
    with sessions() as session:
        scope_to_instance(session, ours.instance_id)
        yield session


def test_a_select_sees_its_instance_only(scoped: Session) -> None:
    assert scoped.scalars(select(Document.title)).all() == ["ours"]
    assert [document.title for document in scoped.scalars(select(Document))] == ["ours"]


def test_a_row_of_another_instance_cannot_be_got(scoped: Session, theirs: Document) -> None:
    assert scoped.get(Document, theirs.id) is None


def test_a_count_counts_its_instance_only(scoped: Session) -> None:
    assert scoped.scalar(select(func.count()).select_from(Document)) == 1
    assert scoped.scalar(select(func.count(Document.id))) == 1


def test_an_alias_is_no_way_round(scoped: Session) -> None:
    other = aliased(Document)
    assert scoped.scalars(select(other.title)).all() == ["ours"]


def test_a_subquery_is_no_way_round(scoped: Session) -> None:
    found = scoped.scalars(
        select(VirtualInstance.id).where(VirtualInstance.id.in_(select(Document.instance_id)))
    )
    assert len(found.all()) == 1


def test_a_bulk_update_changes_its_instance_only(
    scoped: Session, sessions: sessionmaker[Session], theirs: Document
) -> None:
    scoped.execute(update(Document).values(title="changed"))
    scoped.commit()
    with sessions() as free:
        assert free.get_one(Document, theirs.id).title == "theirs"


def test_a_bulk_delete_deletes_in_its_instance_only(scoped: Session, sessions: sessionmaker[Session]) -> None:
    scoped.execute(delete(Document))
    scoped.commit()
    with sessions() as free:
        assert free.scalars(select(Document.title)).all() == ["theirs"]


@pytest.mark.parametrize("loading", [joinedload, selectinload])
def test_a_relationship_that_leads_across_ends_at_the_wall(
    scoped: Session, sessions: sessionmaker[Session], ours: Document, theirs: Document, loading: object
) -> None:
    _give(sessions, ours, theirs)
    found = scoped.scalars(select(Document).options(loading(Document.owner))).one()  # type: ignore[operator]
    assert found.owner is None


def test_a_relationship_loaded_later_ends_at_the_wall(
    scoped: Session, sessions: sessionmaker[Session], ours: Document, theirs: Document
) -> None:
    _give(sessions, ours, theirs)
    assert scoped.get_one(Document, ours.id).owner is None


def _give(sessions: sessionmaker[Session], document: Document, other: Document) -> None:
    """Let a document be owned by somebody of another instance, which nothing in the product does."""
    with sessions() as free:
        free.execute(update(Document).where(Document.id == document.id).values(owner_id=other.owner_id))
        free.commit()


def test_a_join_joins_its_instance_only(scoped: Session) -> None:
    statement = select(Tag.name).join(TagAssignment, TagAssignment.tag_id == Tag.id)
    assert scoped.scalars(statement).all() == ["tag of ours"]


def test_plain_sql_is_left_alone(scoped: Session) -> None:
    assert scoped.scalar(text("SELECT count(*) FROM document")) == 2


def test_instances_themselves_stand_outside_the_wall(scoped: Session) -> None:
    assert len(scoped.scalars(select(VirtualInstance)).all()) == 2


def test_the_wall_is_crossed_on_purpose_only_within_the_block(scoped: Session) -> None:
    titles = select(Document.title).order_by(Document.title)
    with across_instances(scoped):
        assert scoped.scalars(titles).all() == ["ours", "theirs"]
    assert scoped.scalars(titles).all() == ["ours"]


def test_a_crossing_that_fails_closes_the_wall_again(scoped: Session) -> None:
    with pytest.raises(RuntimeError), across_instances(scoped):
        raise RuntimeError
    assert scoped.scalars(select(Document.title)).all() == ["ours"]


def test_a_crossing_within_a_crossing_leaves_the_outer_one_open(scoped: Session) -> None:
    with across_instances(scoped):
        with across_instances(scoped):
            pass
        assert len(scoped.scalars(select(Document)).all()) == 2


def test_the_same_statement_serves_each_scope(
    sessions: sessionmaker[Session], ours: Document, theirs: Document
) -> None:
    """SQLAlchemy caches what it compiled; the instance must not be cached with it."""
    for document in (ours, theirs, ours):
        with sessions() as session:
            scope_to_instance(session, document.instance_id)
            assert session.scalars(select(Document.title)).all() == [document.title]


def test_a_session_that_leaves_its_instance_holds_nothing_of_it(scoped: Session, theirs: Document) -> None:
    held = scoped.scalars(select(User)).one()
    leave_instance(scoped)
    assert held not in scoped
    scope_to_instance(scoped, theirs.instance_id)
    assert scoped.scalars(select(Document.title)).all() == ["theirs"]


@pytest.mark.sqlite
def test_the_wall_chooses_no_index(scoped: Session, engine: Engine) -> None:
    """What is quick without the wall is quick behind it: a document's tags are found from the document."""
    asked: list[tuple[str, object]] = []
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    scoped.execute(
        select(Tag.name)
        .join(TagAssignment, TagAssignment.tag_id == Tag.id)
        .where(TagAssignment.document_id.in_([1, 2, 3]))
    )
    statement, parameters = asked[-1]
    assert "instance_id" in statement
    plan = [
        row[3] for row in scoped.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    ]  # type: ignore[arg-type]
    assert [step.split()[1] for step in plan] == ["tag_assignment", "tag"]
    assert "INTEGER PRIMARY KEY" in plan[1]
