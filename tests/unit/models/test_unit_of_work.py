import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import VirtualInstance
from autotag.models.unit_of_work import unit_of_work


def new(web_id: str = "acme") -> VirtualInstance:
    return VirtualInstance(web_id=web_id, virtual_host=web_id)


def add(
    session: Session,
    *rows: VirtualInstance,
    told: list[str],
    error: type[BaseException] | None = None,
) -> None:
    """Write rows with something that waits for their commit, and fail if so asked."""
    with unit_of_work(session) as work:
        work.session.add_all(rows)
        work.after_commit(lambda: told.append("released"))
        if error is not None:
            work.session.flush()
            raise error


def stored(sessions: sessionmaker[Session]) -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(VirtualInstance.web_id)))


def test_what_was_written_is_committed_once(engine: Engine, sessions: sessionmaker[Session]) -> None:
    commits: list[object] = []
    event.listen(engine, "commit", commits.append)
    with sessions() as session, unit_of_work(session) as work:
        work.session.add(new())
        work.session.flush()
        assert commits == []
    assert len(commits) == 1
    assert stored(sessions) == ["acme"]


def test_actions_wait_for_the_commit_and_then_happen_in_order(sessions: sessionmaker[Session]) -> None:
    told: list[object] = []
    with sessions() as session, unit_of_work(session) as work:
        work.session.add(new())
        work.after_commit(lambda: told.append(stored(sessions)))
        work.after_commit(lambda: told.append("second"))
        assert told == []
    assert told == [["acme"], "second"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_rolls_back_passes_on_and_releases_nothing(
    session: Session, sessions: sessionmaker[Session], error: type[BaseException]
) -> None:
    told: list[str] = []
    with pytest.raises(error):
        add(session, new(), told=told, error=error)
    assert told == []
    assert stored(sessions) == []
    assert not session.in_transaction()


def test_a_commit_that_fails_releases_nothing(session: Session, sessions: sessionmaker[Session]) -> None:
    told: list[str] = []
    with pytest.raises(IntegrityError):
        add(session, new(), VirtualInstance(web_id="acme", virtual_host="other"), told=told)
    assert told == []
    assert stored(sessions) == []


def test_the_write_lock_is_free_again_after_a_failure(
    session: Session, sessions: sessionmaker[Session]
) -> None:
    with pytest.raises(RuntimeError), unit_of_work(session):
        raise RuntimeError
    with sessions() as other, unit_of_work(other) as work:
        work.session.add(new())
    assert stored(sessions) == ["acme"]


def test_what_the_session_had_read_is_read_again_under_the_lock(
    session: Session, sessions: sessionmaker[Session]
) -> None:
    with unit_of_work(session) as work:
        work.session.add(new())
    mine = session.scalars(select(VirtualInstance)).one()
    with sessions() as other, unit_of_work(other) as work:
        work.session.scalars(select(VirtualInstance)).one().max_users = 7
    with unit_of_work(session):
        assert mine.max_users == 7


def test_one_session_can_serve_several_units(session: Session, sessions: sessionmaker[Session]) -> None:
    for web_id in ("acme", "beta"):
        with unit_of_work(session) as work:
            work.session.add(new(web_id))
    assert stored(sessions) == ["acme", "beta"]


def test_actions_are_released_once(session: Session) -> None:
    told: list[str] = []
    with unit_of_work(session) as work:
        work.after_commit(lambda: told.append("released"))
    with unit_of_work(session):
        pass
    assert told == ["released"]
