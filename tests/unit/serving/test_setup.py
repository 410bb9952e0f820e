import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.config import Config
from autotag.inference.installing.store import ModelStore
from autotag.inference.models.model import ModelDescription
from autotag.instances.errors import PeopleError
from autotag.instances.people import authenticate
from autotag.models import Role, User, VirtualInstance, schema
from autotag.models.engine import build_engine
from autotag.models.unit_of_work import unit_of_work
from autotag.serving.setup import set_up

pytestmark = pytest.mark.usefixtures("quick_hashes")


@pytest.fixture(autouse=True)
def no_model(models: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Building the model takes seconds and has tests of its own."""

    def install(_store: ModelStore) -> ModelDescription:
        return models.get("toy")

    monkeypatch.setattr(ModelStore, "install_default", install)


def people(sessions: sessionmaker[Session]) -> list[User]:
    with sessions() as session:
        return list(session.scalars(select(User)))


def test_an_empty_folder_becomes_an_installation(config: Config, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.sqlite'}"
    done = set_up(replace(config, database_url=url, admin_password="correct horse"))
    assert (done.email, done.password, done.model.name) == ("admin@localhost", None, "toy")
    engine = build_engine(url)
    assert schema.is_current(engine)
    engine.dispose()


def test_the_first_administrator_is_one_of_the_default_instance(
    config: Config, sessions: sessionmaker[Session]
) -> None:
    set_up(replace(config, admin_password="correct horse"))
    with sessions() as session:
        instance = session.scalars(select(VirtualInstance)).one()
        user = authenticate(session, instance.id, "admin@localhost", "correct horse")
    assert instance.is_default
    assert user is not None
    assert user.role is Role.SYSTEM_ADMINISTRATOR


def test_a_generated_password_is_kept_for_its_owner_only(
    config: Config, sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    done = set_up(config)
    assert done.password is not None
    assert len(done.password) >= 16
    with sessions() as session:
        assert authenticate(session, people(sessions)[0].instance_id, done.email, done.password)
    holders = [
        path
        for path in tmp_path.iterdir()
        if path.is_file() and done.password in path.read_text(errors="ignore")
    ]
    assert [stat.S_IMODE(path.stat().st_mode) for path in holders] == [0o600]


def test_a_generated_first_password_has_to_be_changed(
    config: Config, sessions: sessionmaker[Session]
) -> None:
    set_up(config)
    assert [user.must_change_password for user in people(sessions)] == [True]
    set_up(config)
    assert [user.must_change_password for user in people(sessions)] == [True]


def test_a_password_that_the_operator_chose_need_not_be_changed(
    config: Config, sessions: sessionmaker[Session]
) -> None:
    set_up(replace(config, admin_password="correct horse"))
    set_up(config)
    assert [user.must_change_password for user in people(sessions)] == [False]


def test_a_password_that_an_older_version_generated_has_to_be_changed(
    config: Config, sessions: sessionmaker[Session]
) -> None:
    set_up(config)
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(update(User).values(must_change_password=False))
    set_up(config)
    assert [user.must_change_password for user in people(sessions)] == [True]


def test_a_common_password_ends_the_set_up(config: Config) -> None:
    with pytest.raises(PeopleError, match="Many people use"):
        set_up(replace(config, admin_password="password123"))


def test_a_given_password_is_kept_nowhere(config: Config, tmp_path: Path) -> None:
    set_up(replace(config, admin_password="correct horse"))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"correct horse" not in path.read_bytes()


def test_setting_up_again_changes_nothing(config: Config, sessions: sessionmaker[Session]) -> None:
    first, second = set_up(config), set_up(config)
    assert first == second
    assert len(people(sessions)) == 1


def test_another_administrator_counts_as_the_first_one(
    config: Config, sessions: sessionmaker[Session]
) -> None:
    set_up(config)
    with sessions() as session, unit_of_work(session) as work:
        work.session.scalars(select(User)).one().email = "boss@example.test"
    done = set_up(config)
    assert (done.email, done.password) == ("boss@example.test", None)
    assert len(people(sessions)) == 1


def test_processes_that_set_up_at_once_take_turns(config: Config, sessions: sessionmaker[Session]) -> None:
    threads = [threading.Thread(target=set_up, args=(config,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(people(sessions)) == 1


@pytest.mark.parametrize("values", [{"admin_email": "nobody"}, {"admin_password": "short"}])
def test_an_administrator_who_cannot_be_made_leaves_nothing(
    config: Config, sessions: sessionmaker[Session], values: dict[str, str]
) -> None:
    with pytest.raises(PeopleError):
        set_up(replace(config, **values))
    assert people(sessions) == []
