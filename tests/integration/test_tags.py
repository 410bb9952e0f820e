"""Tags on PostgreSQL, where writers do not queue up by themselves: what is assigned during a merge is not lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import Tag, TagAssignment, TaggingState
from autotag.models.names import fold
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.document_tags.assign import add_tags, replace_tags
from autotag.tagging.pipeline.claims import claim
from autotag.tagging.pipeline.outcome import Outcome
from autotag.tagging.pipeline.record_outcome import record
from autotag.tagging.policy import Candidate, decide
from autotag.tagging.tags.edit import NameTaken, add_tag, delete_tag, rename_tag
from autotag.tagging.tags.listing import TagNotFound, TagOrder, list_tags, suggestions, usage_by_provider
from autotag.tagging.tags.merge import merge_part
from autotag.tagging.tags.names import TaggingRefused
from tests.merging import merge_tags

pytestmark = pytest.mark.postgresql

WHO: dict[str, Any] = {"actor": "eva", "user_id": None}
Wait = Callable[[Callable[[], object], str, float], None]


@pytest.fixture
def add(sessions: sessionmaker[Session], instance_id: int) -> Callable[..., int]:
    """Adds a tag, and puts it on documents by hand."""

    def add(name: str, *document_ids: int) -> int:
        with sessions() as session, unit_of_work(session) as work:
            tag_id = add_tag(work, instance_id, name).id
            add_tags(work, instance_id, document_ids, [name], user_id=None)
            return tag_id

    return add


def tags_by_document(sessions: sessionmaker[Session]) -> dict[int, set[str]]:
    with sessions() as session:
        found: dict[int, set[str]] = {}
        for document_id, name in session.execute(
            select(TagAssignment.document_id, Tag.name).join(Tag, Tag.id == TagAssignment.tag_id)
        ):
            found.setdefault(document_id, set()).add(name)
        return found


def waiting_for_a_lock(engine: Engine) -> bool:
    with engine.connect() as connection:
        return bool(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def tag_by_a_provider(
    sessions: sessionmaker[Session], instance_id: int, document_id: int, *names: str
) -> bool:
    held = claim(sessions, instance_id, document_id, "worker")
    assert held is not None
    candidates = [Candidate(name, 0.9, "tensorflow", "m", 0.1) for name in names]
    outcome = Outcome(TaggingState.TAGGED, decisions=tuple(decide(candidates, maximum=0)))
    return record(sessions, held, outcome, "worker")


def test_a_merge_waits_for_who_is_assigning_the_tag_and_takes_that_along(
    engine: Engine,
    sessions: sessionmaker[Session],
    instance_id: int,
    documents: list[int],
    add: Callable[..., int],
    waiter: Wait,
) -> None:
    kitty, cat = add("kitty", documents[0]), add("cat")

    def merge() -> None:
        with sessions() as session:
            merge_tags(session, instance_id, [kitty], cat, **WHO)

    with ThreadPoolExecutor(1) as pool:
        with sessions() as session, unit_of_work(session) as work:
            add_tags(work, instance_id, [documents[1]], ["kitty"], user_id=None)
            merging = pool.submit(merge)
            waiter(lambda: waiting_for_a_lock(engine), "the merge's wait", 20)
            assert not merging.done()
        merging.result(20)
    assert tags_by_document(sessions) == {documents[0]: {"cat"}, documents[1]: {"cat"}}


@pytest.mark.parametrize("by_person", [True, False])
def test_who_assigns_a_tag_that_is_being_merged_or_deleted_waits_and_makes_it_anew(
    engine: Engine,
    sessions: sessionmaker[Session],
    instance_id: int,
    documents: list[int],
    add: Callable[..., int],
    waiter: Wait,
    by_person: bool,
) -> None:
    kitty, cat = add("kitty", documents[0]), add("cat")

    def assign() -> None:
        if not by_person:
            assert tag_by_a_provider(sessions, instance_id, documents[1], "kitty")
            return
        with sessions() as session, unit_of_work(session) as work:
            replace_tags(work, instance_id, [documents[1]], ["kitty"], user_id=None)

    with ThreadPoolExecutor(1) as pool:
        with sessions() as session, unit_of_work(session) as work:
            if by_person:
                merge_part(work, instance_id, [kitty], cat, **WHO)
            else:
                delete_tag(work, instance_id, kitty, **WHO)
            assigning: Future[None] = pool.submit(assign)
            waiter(lambda: waiting_for_a_lock(engine), "the assignment's wait", 20)
        assigning.result(20)
    left = {documents[0]: {"cat"}} if by_person else {}
    assert tags_by_document(sessions) == left | {documents[1]: {"kitty"}}


def test_opposite_merges_and_workers_at_once_neither_lock_each_other_out_nor_lose_a_tag(
    sessions: sessionmaker[Session], instance_id: int, documents: list[int], add: Callable[..., int]
) -> None:
    pair = [add("kitty", documents[0]), add("cat", documents[1])]
    at_once = threading.Barrier(6)

    def merge(number: int) -> None:
        at_once.wait(30)
        try:
            with sessions() as session:
                merge_tags(session, instance_id, [pair[number]], pair[1 - number], **WHO)
        except (TagNotFound, TaggingRefused):
            return

    def work_off(part: int) -> None:
        at_once.wait(30)
        for key in documents[2 + part :: 4]:
            assert tag_by_a_provider(sessions, instance_id, key, *(("kitty", "cat")[:: 1 - 2 * (part % 2)]))

    with ThreadPoolExecutor(6) as pool:
        done = [pool.submit(merge, number) for number in range(2)]
        done += [pool.submit(work_off, part) for part in range(4)]
        for one in done:
            one.result(60)
    found = tags_by_document(sessions)
    assert sorted(found) == documents
    assert all(names <= {"kitty", "cat"} for names in found.values())


def test_a_name_that_somebody_adds_while_another_tag_is_given_it_is_taken(
    engine: Engine,
    sessions: sessionmaker[Session],
    instance_id: int,
    documents: list[int],
    add: Callable[..., int],
    waiter: Wait,
) -> None:
    kitty = add("kitty")

    def rename() -> None:
        with sessions() as session, unit_of_work(session) as work:
            rename_tag(work, instance_id, kitty, "Cat", **WHO)

    with ThreadPoolExecutor(1) as pool:
        with sessions() as session, unit_of_work(session) as work:
            add_tag(work, instance_id, "cat")
            renaming = pool.submit(rename)
            waiter(lambda: waiting_for_a_lock(engine), "the renaming's wait", 20)
        with pytest.raises(NameTaken, match="cat already"):
            renaming.result(20)


def test_tags_are_listed_and_suggested_as_on_sqlite(
    sessions: sessionmaker[Session], instance_id: int, documents: list[int], add: Callable[..., int]
) -> None:
    add("cat", *documents[:3])
    add("freight car", *documents[:5])
    add("Barn")
    assert tag_by_a_provider(sessions, instance_id, documents[5], "cat")
    with sessions() as session:
        listed = {
            order: [item.name for item in list_tags(session, instance_id, order=order).items]
            for order in TagOrder
        }
        assert listed == {
            TagOrder.NAME: ["Barn", "cat", "freight car"],
            TagOrder.MOST_USED: ["freight car", "cat", "Barn"],
            TagOrder.NEWEST: ["Barn", "freight car", "cat"],
        }
        for order in TagOrder:
            first = list_tags(session, instance_id, order=order, limit=2)
            second = list_tags(session, instance_id, order=order, limit=2, cursor=first.next_cursor)
            assert [item.name for item in first.items + second.items] == listed[order]
        assert suggestions(session, instance_id, "ca") == ["cat", "freight car"]
        assert suggestions(session, instance_id, "\0") == []
        tag = session.scalars(select(Tag).where(Tag.normalized_name == fold("cat"))).one()
        usage, providers = usage_by_provider(session, tag)
        assert (usage.manual, usage.automatic) == (3, 1)
        assert [(one.provider, one.documents) for one in providers] == [("tensorflow", 1)]
