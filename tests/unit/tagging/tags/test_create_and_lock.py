"""Tags that several want at once exist once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import Tag
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.tags import create_and_lock
from autotag.tagging.tags.create_and_lock import TagsKeepVanishing, ensure_tags, lock_tags
from tests.unit.conftest import Factory


def test_whoever_comes_second_finds_the_tag_in_whatever_case(
    sessions: sessionmaker[Session], make: Factory
) -> None:
    instance = make.instance()
    at_once = threading.Barrier(4)

    def ensure(name: str) -> int:
        at_once.wait(30)
        with sessions() as session, unit_of_work(session) as work:
            return ensure_tags(work.session, instance.id, [name])["cat"]

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ensure, ["cat", "Cat", "CAT", "cAT"]))) == 1


def test_no_name_makes_no_tag(session: Session, make: Factory) -> None:
    instance_id = make.instance().id
    with unit_of_work(session) as work:
        assert ensure_tags(work.session, instance_id, []) == {}
    assert session.scalars(select(Tag)).all() == []


def test_a_tag_that_vanishes_each_time_ends_with_an_error_instead_of_never(
    session: Session, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance_id = make.instance().id
    monkeypatch.setattr(create_and_lock, "hold_tags", lambda *_: {})
    with unit_of_work(session) as work, pytest.raises(TagsKeepVanishing):
        ensure_tags(work.session, instance_id, ["cat"])


def test_only_the_instances_own_tags_are_taken_hold_of(session: Session, make: Factory) -> None:
    ours, theirs = make.instance(), make.instance()
    own = make.tag(make.document(ours), "cat")
    other = make.tag(make.document(theirs), "cat")
    with unit_of_work(session) as work:
        assert [tag.id for tag in lock_tags(work.session, ours.id, [other.id, own.id])] == [own.id]
