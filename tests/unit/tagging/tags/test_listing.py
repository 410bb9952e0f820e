"""The list of tags, suggestions, and the facts of one tag."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session, sessionmaker

from autotag.instances.wall import scope_to_instance
from autotag.models import AssignmentSource, Document, Tag, TagAssignment, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.names import fold
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.tags.listing import (
    ProviderUsage,
    TagNotFound,
    TagOrder,
    list_tags,
    load_tag,
    suggestions,
    usage_by_provider,
    usage_of,
)
from tests.unit.conftest import Factory

Used = Callable[..., Tag]


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def used(sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance) -> Used:
    """Makes a tag that so many documents have by hand, so many by a provider, and so many in the recycle bin."""

    def used(
        name: str, manual: int = 0, automatic: int = 0, binned: int = 0, provider: str = "tensorflow"
    ) -> Tag:
        with sessions() as session, unit_of_work(session) as work:
            tag = Tag(instance_id=acme.id, name=name, normalized_name=fold(name))
            work.session.add(tag)
            work.session.flush()
            sources = [AssignmentSource.MANUAL] * manual + [AssignmentSource.AUTO] * (automatic + binned)
            for number, source in enumerate(sources):
                is_automatic = source is AssignmentSource.AUTO
                document = Document(
                    instance_id=acme.id,
                    title=f"{name} {number}",
                    file_name="a.png",
                    sha256="0" * 64,
                    mime_type="image/png",
                    size=1,
                    tagging_state="tagged",
                    deleted_at=utc_now() if number >= manual + automatic else None,
                )
                work.session.add(document)
                work.session.flush()
                work.session.add(
                    TagAssignment(
                        instance_id=acme.id,
                        document_id=document.id,
                        tag_id=tag.id,
                        source=source,
                        provider=provider if is_automatic else None,
                        confidence=0.5 if is_automatic else None,
                    )
                )
        return tag

    return used


def names(session: Session, instance: VirtualInstance, **options: object) -> list[str]:
    return [item.name for item in list_tags(session, instance.id, **options).items]  # type: ignore[arg-type]


def test_an_instance_without_tags_has_an_empty_list(session: Session, acme: VirtualInstance) -> None:
    for order in TagOrder:
        page = list_tags(session, acme.id, order=order)
        assert (page.items, page.next_cursor, page.total) == ([], None, 0)


def test_tags_are_listed_with_how_many_files_people_and_providers_gave_them(
    session: Session, acme: VirtualInstance, used: Used
) -> None:
    used("tabby", manual=1, automatic=2, binned=3)
    used("Barn")
    page = list_tags(session, acme.id)
    assert [(item.name, item.manual, item.automatic, item.total) for item in page.items] == [
        ("Barn", 0, 0, 0),
        ("tabby", 1, 2, 3),
    ]
    assert page.total == 2


def test_each_order_has_its_own(session: Session, acme: VirtualInstance, used: Used) -> None:
    used("zebra", manual=1)
    used("Äpfel", manual=2, binned=9)
    used("apple", automatic=3)
    used("barn", automatic=2)
    assert names(session, acme) == ["apple", "barn", "zebra", "Äpfel"]
    assert names(session, acme, order=TagOrder.NEWEST) == ["barn", "apple", "Äpfel", "zebra"]
    assert names(session, acme, order=TagOrder.MOST_USED) == ["apple", "barn", "Äpfel", "zebra"]


@pytest.mark.parametrize("order", list(TagOrder))
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_have_no_gap_and_no_repetition(
    session: Session, acme: VirtualInstance, used: Used, order: TagOrder, limit: int
) -> None:
    for number, name in enumerate(["b", "a", "d", "c", "f", "e", "g"]):
        used(name, manual=number % 3)
    walked, cursor = [], None
    while True:
        page = list_tags(session, acme.id, order=order, cursor=cursor, limit=limit)
        walked += [item.name for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert walked == names(session, acme, order=order)
    assert sorted(walked) == list("abcdefg")


@pytest.mark.parametrize(
    "cursor", ["", "x", "bm8", "WyJuYW1lIl0", "WyJuYW1lIiwgMV0", "WzFd" * 2000, "é", "////"]
)
@pytest.mark.parametrize("order", list(TagOrder))
def test_a_cursor_that_cannot_be_read_means_the_first_page(
    session: Session, acme: VirtualInstance, used: Used, order: TagOrder, cursor: str
) -> None:
    used("tabby")
    assert names(session, acme, order=order, cursor=cursor) == ["tabby"]


def test_a_cursor_of_another_order_means_the_first_page(
    session: Session, acme: VirtualInstance, used: Used
) -> None:
    used("a")
    used("b")
    cursor = list_tags(session, acme.id, order=TagOrder.NAME, limit=1).next_cursor
    assert names(session, acme, order=TagOrder.NEWEST, cursor=cursor) == ["b", "a"]


def test_a_search_finds_any_part_of_a_name_whatever_its_case(
    session: Session, acme: VirtualInstance, used: Used
) -> None:
    for name in ("Electric Locomotive", "locomotion", "barn", "100_"):
        used(name)
    assert names(session, acme, search="LOCO") == ["Electric Locomotive", "locomotion"]
    assert names(session, acme, search=" electric   loco ") == ["Electric Locomotive"]
    assert names(session, acme, search="_") == ["100_"]
    assert names(session, acme, search="%") == []
    assert list_tags(session, acme.id, search="loco", limit=1).total == 2


def test_the_list_takes_as_many_statements_for_forty_tags_as_for_one(
    session: Session, engine: Engine, acme: VirtualInstance, used: Used
) -> None:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    used("first", manual=1)
    counts = []
    for more in (0, 40):
        for number in range(more):
            used(f"more {number}", automatic=1)
        statements.clear()
        for order in TagOrder:
            list_tags(session, acme.id, order=order)
        counts.append(sum(statement.startswith("SELECT") for statement in statements))
    assert counts == [12, 12]


@pytest.mark.sqlite
def test_usages_are_counted_over_an_index(
    session: Session, engine: Engine, acme: VirtualInstance, used: Used
) -> None:
    tag = used("tabby", manual=1, automatic=1, binned=1)
    # As in a request: the wall adds conditions of its own.
    scope_to_instance(session, acme.id)
    asked: list[tuple[str, object]] = []
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    for order in TagOrder:
        list_tags(session, acme.id, order=order)
    usage_of(session, tag)
    usage_by_provider(session, tag)
    steps = [
        row[3]
        for statement, parameters in list(asked)
        if statement.startswith("SELECT")
        for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
    ]
    touching = [step for step in steps if "tag_assignment" in step]
    counting = [step for step in touching if "(tag_id=?)" in step]
    assert len(counting) >= 4
    assert all("COVERING INDEX ix_tag_assignment_tag" in step for step in counting)
    assert not [step for step in touching if "SCAN" in step]


def test_suggestions_begin_with_what_was_typed_or_have_a_word_that_does(
    session: Session, acme: VirtualInstance, used: Used
) -> None:
    used("car")
    used("Cardigan", manual=2)
    used("freight car", manual=5)
    used("sports-car", manual=9)
    used("oscar", manual=50)
    assert suggestions(session, acme.id, "CAR") == ["Cardigan", "car", "sports-car", "freight car"]
    assert suggestions(session, acme.id, " freight  c") == ["freight car"]


@pytest.mark.parametrize("typed", ["", "  ", "%", "_", "no such", "\x00", "'", "x" * 5000])
def test_what_no_name_begins_with_suggests_nothing(
    session: Session, acme: VirtualInstance, used: Used, typed: str
) -> None:
    used("tabby")
    assert suggestions(session, acme.id, typed) == []


def test_there_are_at_most_twenty_suggestions(session: Session, acme: VirtualInstance, used: Used) -> None:
    for number in range(25):
        used(f"tag {number:02}")
    assert suggestions(session, acme.id, "tag") == [f"tag {number:02}" for number in range(20)]


def test_the_facts_of_a_tag_leave_out_the_recycle_bin(
    session: Session, acme: VirtualInstance, used: Used
) -> None:
    tag = used("tabby", manual=2, automatic=3, binned=4)
    usage, providers = usage_by_provider(session, tag)
    assert usage == usage_of(session, tag)
    assert (usage.manual, usage.automatic) == (2, 3)
    assert providers == [ProviderUsage("tensorflow", 3)]
    assert usage_by_provider(session, used("binned", binned=1))[1] == []


@pytest.mark.parametrize(("looked_at", "is_least"), [(5, True), (6, False)])
def test_of_a_tag_with_very_many_files_only_some_are_looked_at(
    session: Session, used: Used, monkeypatch: pytest.MonkeyPatch, looked_at: int, is_least: bool
) -> None:
    tag = used("tabby", manual=2, automatic=3, binned=1)
    monkeypatch.setattr("autotag.tagging.tags.listing.LOOKED_AT", looked_at)
    usage, providers = usage_by_provider(session, tag)
    assert usage.is_least is is_least
    assert (usage.manual, usage.automatic) == (2, 3)
    assert providers == [ProviderUsage("tensorflow", 3)]


def test_another_instances_tags_are_not_there(
    session: Session, make: Factory, acme: VirtualInstance, used: Used
) -> None:
    tag = used("tabby", manual=3)
    globex = make.instance("globex")
    make.tag(make.document(globex), "tabby")
    assert [(item.name, item.total) for item in list_tags(session, globex.id).items] == [("tabby", 1)]
    assert suggestions(session, make.instance().id, "tab") == []
    for number in (tag.id, 0, -1, 2**31, 2**70):
        with pytest.raises(TagNotFound):
            load_tag(session, globex.id, number)
    assert load_tag(session, acme.id, tag.id).name == "tabby"
