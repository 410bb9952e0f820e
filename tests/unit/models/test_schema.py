import ast
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, UniqueConstraint, inspect, select, text
from sqlalchemy.orm import Session

from autotag.models import ApiToken, Base, TenantOwned, schema
from autotag.models.base import utc_now
from autotag.models.engine import build_engine
from tests.unit.conftest import Factory

# Rows of these may belong to the installation instead, so no filter by instance can serve them; whoever reads
# them names the level or the instance.
SHARED = {"audit_event", "configuration_record"}
VERSIONS = sorted((schema.MIGRATIONS / "versions").glob("*.py"))
REVISIONS = [script.revision for script in ScriptDirectory(str(schema.MIGRATIONS)).walk_revisions()]


@pytest.fixture
def empty(tmp_path: Path) -> Engine:
    engine = build_engine(f"sqlite:///{tmp_path / 'empty.sqlite'}", durable=False)
    yield engine
    engine.dispose()


def is_model(name: str | None, kind: str = "table", _parents: object = None) -> bool:
    """Whether a table is a model's: the full-text search has tables of its own, which differ by database."""
    return kind != "table" or not (name or "").startswith("document_search")


def tables(engine: Engine) -> set[str]:
    return {name for name in inspect(engine).get_table_names() if is_model(name)} - {"alembic_version"}


def test_the_newest_migration_gives_the_tables_of_the_models(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": is_model}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory(str(schema.MIGRATIONS)).get_heads()) == 1


def test_the_names_of_the_files_tell_the_revisions_in_their_order() -> None:
    assert schema.revisions() == REVISIONS[::-1]
    assert schema.revisions()[-1] == ScriptDirectory(str(schema.MIGRATIONS)).get_current_head()


def test_the_database_tells_of_which_migration_its_tables_are(empty: Engine) -> None:
    with empty.connect() as connection:
        assert schema.revision_of(connection) is None
    for revision in schema.revisions():
        schema.upgrade(empty, revision)
        with empty.connect() as connection:
            assert schema.revision_of(connection) == revision
    schema.downgrade(empty, "base")
    with empty.connect() as connection:
        assert schema.revision_of(connection) is None


def test_what_looks_at_the_tables_loads_no_alembic() -> None:
    program = "import sys; from autotag.models import schema; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_migrations_lead_up_down_and_up_again(empty: Engine) -> None:
    schema.upgrade(empty)
    assert tables(empty) == set(Base.metadata.tables)
    schema.downgrade(empty, "base")
    assert tables(empty) == set()
    schema.upgrade(empty)
    assert tables(empty) == set(Base.metadata.tables)


@pytest.mark.parametrize("revision", REVISIONS)
def test_each_revision_can_be_taken_back_and_made_again(empty: Engine, revision: str) -> None:
    schema.upgrade(empty, revision)
    before = tables(empty)
    schema.downgrade(empty, "-1")
    schema.upgrade(empty, revision)
    assert tables(empty) == before


def test_upgrading_twice_changes_nothing(empty: Engine) -> None:
    schema.upgrade(empty)
    schema.upgrade(empty)
    assert tables(empty) == set(Base.metadata.tables)


def test_only_the_newest_tables_are_current(empty: Engine) -> None:
    assert not schema.is_current(empty)
    schema.upgrade(empty)
    assert schema.is_current(empty)
    schema.downgrade(empty, "-1")
    assert not schema.is_current(empty)


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.stem)
def test_a_migration_imports_nothing_of_the_product(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert not [name for name in names if name.startswith("autotag")]


def test_every_constraint_in_the_database_has_the_name_of_the_convention(engine: Engine) -> None:
    found = inspect(engine)
    for table in tables(engine):
        # SQLite takes no name for the key of a table whose numbers are never given again.
        keeps_count = engine.dialect.name == "sqlite" and bool(
            Base.metadata.tables[table].dialect_kwargs.get("sqlite_autoincrement")
        )
        assert found.get_pk_constraint(table)["name"] == (None if keeps_count else f"pk_{table}")
        for key in found.get_foreign_keys(table):
            columns = "_".join(key["constrained_columns"])
            assert key["name"] == f"fk_{table}_{columns}_{key['referred_table']}"
        assert all(constraint["name"] for constraint in found.get_unique_constraints(table))


def test_every_table_with_an_instance_is_marked_as_owned_by_it() -> None:
    for mapper in Base.registry.mappers:
        has_column = "instance_id" in mapper.local_table.c
        owned = issubclass(mapper.class_, TenantOwned)
        assert has_column == (owned or mapper.local_table.name in SHARED), mapper.class_


def test_every_owned_row_has_an_instance_and_goes_with_it() -> None:
    for mapper in Base.registry.mappers:
        if issubclass(mapper.class_, TenantOwned):
            column = mapper.local_table.c.instance_id
            (key,) = column.foreign_keys
            assert not column.nullable
            assert (key.target_fullname, key.ondelete) == ("virtual_instance.id", "CASCADE")


def test_names_are_unique_within_an_instance_and_not_across() -> None:
    """A unique constraint without the instance, or a row that belongs to one, would tell one tenant of another."""
    for mapper in Base.registry.mappers:
        if not issubclass(mapper.class_, TenantOwned):
            continue
        for constraint in mapper.local_table.constraints:
            if isinstance(constraint, UniqueConstraint):
                columns = {column.name for column in constraint.columns}
                assert columns & {"instance_id", "document_id", "token_sha256"}, constraint.name


def test_a_migration_that_makes_a_table_anew_keeps_the_rows_that_refer_to_it(
    database_url: str, make: Factory
) -> None:
    """The step down drops a column of `document`, for which SQLite copies the table."""
    document = make.document(make.instance())
    make.tag(document, "cat")
    engine = build_engine(database_url)
    schema.downgrade(engine, "0002")
    schema.upgrade(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM tag_assignment").scalar_one() == 1
        if engine.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
    engine.dispose()


def test_tokens_without_an_end_get_one(database_url: str, make: Factory) -> None:
    """Those that would end later than a year from now end then; the others keep their end."""
    user = make.user(make.instance())
    engine = build_engine(database_url)
    schema.downgrade(engine, "0011")
    soon, far = datetime(2020, 1, 1), datetime(2999, 1, 1)  # noqa: DTZ001 - as the database has them
    insert = text(
        "INSERT INTO api_token (instance_id, user_id, name, role, token_sha256, ending, created_at, expires_at)"
        " VALUES (:instance, :user, 'Import', 'viewer', :hash, 'abcd', :soon, :end)"
    )
    with engine.begin() as connection:
        for number, end in enumerate((None, soon, far)):
            values = {"instance": user.instance_id, "user": user.id, "hash": str(number), "soon": soon}
            connection.execute(insert, values | {"end": end})
    schema.upgrade(engine)
    with Session(engine) as session:
        ends = list(session.scalars(select(ApiToken.expires_at).order_by(ApiToken.id)))
    engine.dispose()
    in_a_year = utc_now() + timedelta(days=365)
    assert ends[1] == soon.replace(tzinfo=UTC)
    assert all(abs(end - in_a_year) < timedelta(minutes=5) for end in (ends[0], ends[2]))


def test_deaths_that_were_counted_together_are_counted_apart(database_url: str, make: Factory) -> None:
    """Each death of the process has left an attempt; the others were those of workers."""
    states = ("queued", "quarantined", "queued", "tagged")
    documents = [make.document(make.instance()) for _ in states]
    counted = (2, 2, 1, 1)
    died_on = (1, 2, 0, 1)
    engine = build_engine(database_url)
    schema.downgrade(engine, "0011")
    with engine.begin() as connection:
        for document, state, crashes, attempts in zip(documents, states, counted, died_on, strict=True):
            connection.exec_driver_sql(
                f"UPDATE document SET tagging_state = '{state}', tagging_crashes = {crashes} WHERE id = {document.id}"
            )
            for number in range(attempts):
                connection.exec_driver_sql(
                    "INSERT INTO tagging_attempt"
                    " (instance_id, document_id, number, state, reason_code, reason, worker, seconds, finished_at)"
                    f" VALUES ({document.instance_id}, {document.id}, {number}, 'queued', 'process_died', '', 'w', 0,"
                    " '2026-01-01 00:00:00')"
                )
    schema.upgrade(engine)
    statement = "SELECT tagging_crashes, tagging_worker_deaths FROM document ORDER BY id"
    with engine.connect() as connection:
        assert connection.exec_driver_sql(statement).all() == [(1, 1), (2, 0), (0, 1), (0, 0)]
    schema.downgrade(engine, "0011")
    with engine.connect() as connection:
        crashes = (
            connection.exec_driver_sql("SELECT tagging_crashes FROM document ORDER BY id").scalars().all()
        )
    assert crashes == [2, 2, 1, 0]
    schema.upgrade(engine)
    engine.dispose()
