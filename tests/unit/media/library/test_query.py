"""What a query asks for, condition by condition; how it is found quickly is in test_plan."""

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.library.query import (
    MOST_OWNERS,
    NOTHING,
    DocumentQuery,
    Order,
    Selection,
    belonging,
    filters,
    owners_of,
    select_ids,
    types_of,
)
from autotag.models import Document, Folder, TaggingState, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.document_tags.assign import add_tags
from tests.unit.conftest import Factory

Ask = Callable[..., list[int]]


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def globex(make: Factory) -> VirtualInstance:
    return make.instance("globex")


@pytest.fixture
def ask(session: Session, acme: VirtualInstance) -> Ask:
    def ask(**asked: object) -> list[int]:
        session.rollback()
        return sorted(session.scalars(select_ids(session, acme.id, DocumentQuery(**asked))))  # type: ignore[arg-type]

    return ask


@pytest.fixture
def tag(sessions: sessionmaker[Session]) -> Callable[..., None]:
    def tag(document: Document, *names: str) -> None:
        with sessions() as session, unit_of_work(session) as work:
            add_tags(work, document.instance_id, [document.id], names, user_id=None)

    return tag


def test_nothing_asked_is_everything_of_the_instance_but_the_bin(
    make: Factory, acme: VirtualInstance, globex: VirtualInstance, ask: Ask
) -> None:
    alive, binned = make.document(acme), make.document(acme, deleted_at=utc_now())
    make.document(globex)
    assert ask() == [alive.id]
    assert ask(in_bin=True) == [binned.id]


def test_all_tags_must_be_there_whatever_their_case(
    make: Factory, acme: VirtualInstance, globex: VirtualInstance, ask: Ask, tag: Callable[..., None]
) -> None:
    both, one, theirs = make.document(acme), make.document(acme), make.document(globex)
    tag(both, "Cat", "dog")
    tag(one, "cat")
    tag(theirs, "cat", "secret")
    assert ask(tags=("CAT",)) == [both.id, one.id]
    assert ask(tags=("cat", "Dog")) == [both.id]
    assert ask(tags=("cat", "Cat")) == [both.id, one.id]
    assert ask(tags=("secret",)) == ask(tags=("cat", "nowhere")) == []


def test_a_tag_that_is_not_there_is_a_condition_that_nothing_meets(
    session: Session, acme: VirtualInstance
) -> None:
    (only,) = filters(session, acme.id, DocumentQuery(tags=("nowhere",)))
    assert only.condition is NOTHING


def test_types_are_asked_for_one_by_one_or_by_kind(make: Factory, acme: VirtualInstance, ask: Ask) -> None:
    png, jpeg, pdf = (
        make.document(acme, mime_type=kind) for kind in ("image/png", "image/jpeg", "application/pdf")
    )
    assert ask(mime_type="image/png") == [png.id]
    assert ask(mime_type="image/*") == [png.id, jpeg.id]
    assert ask(mime_type="application/*") == [pdf.id]
    assert ask(mime_type="video/*") == ask(mime_type="image/%") == []


def test_state_reason_and_owner(make: Factory, acme: VirtualInstance, ask: Ask) -> None:
    person = make.user(acme)
    failed = make.document(
        acme, tagging_state=TaggingState.FAILED, tagging_reason_code="truncated_image", owner_id=person.id
    )
    other = make.document(acme, tagging_state=TaggingState.FAILED, tagging_reason_code="file_missing")
    assert ask(state=TaggingState.FAILED) == [failed.id, other.id]
    assert ask(reason_code="truncated_image") == [failed.id]
    assert ask(state=TaggingState.TAGGED, reason_code="truncated_image") == []
    assert ask(owner_id=person.id) == [failed.id]


def test_untagged_are_those_without_any_tag(
    make: Factory, acme: VirtualInstance, ask: Ask, tag: Callable[..., None]
) -> None:
    bare, tagged = make.document(acme), make.document(acme)
    tag(tagged, "cat")
    assert ask(untagged=True) == [bare.id]


def test_a_folder_has_its_own_files_and_with_those_below_it_all(
    session: Session, make: Factory, acme: VirtualInstance, ask: Ask
) -> None:
    with unit_of_work(session) as work:
        work.session.add(Folder(id=1, instance_id=acme.id, name="a", normalized_name="a"))
        work.session.add(Folder(id=2, instance_id=acme.id, name="b", normalized_name="b", parent_id=1))
    top, outer, inner = (make.document(acme, folder_id=each) for each in (None, 1, 2))
    assert ask() == [top.id, outer.id, inner.id]
    assert ask(folder_id=1) == [outer.id]
    assert ask(folder_id=1, with_subfolders=True) == [outer.id, inner.id]
    assert ask(folder_id=99) == ask(folder_id=99, with_subfolders=True) == []
    # Folders that should ever contain each other end the search as well.
    with unit_of_work(session) as work:
        work.session.get_one(Folder, 1).parent_id = 2
    assert ask(folder_id=1, with_subfolders=True) == [outer.id, inner.id]


@pytest.mark.parametrize(
    ("asked", "is_filtered"),
    [
        ({}, False),
        ({"folder_id": 3, "with_subfolders": True, "order": Order.NAME, "in_bin": True}, False),
        ({"text": "x"}, True),
        ({"tags": ("x",)}, True),
        ({"mime_type": "image/*"}, True),
        ({"owner_id": 1}, True),
        ({"state": TaggingState.FAILED}, True),
        ({"reason_code": "no_tags"}, True),
        ({"untagged": True}, True),
    ],
)
def test_what_asks_for_less_than_a_folder_is_filtered(asked: dict[str, object], is_filtered: bool) -> None:
    assert DocumentQuery(**asked).is_filtered is is_filtered  # type: ignore[arg-type]


def test_chosen_documents_are_some_by_id_or_all_that_a_query_means(
    session: Session, make: Factory, acme: VirtualInstance, globex: VirtualInstance
) -> None:
    first, second, binned = (
        make.document(acme),
        make.document(acme),
        make.document(acme, deleted_at=utc_now()),
    )
    theirs = make.document(globex)

    def chosen(selection: Selection) -> list[int]:
        return sorted(session.scalars(selection.select_ids(session, acme.id)))

    assert chosen(Selection(ids=(second.id, binned.id, theirs.id))) == [second.id]
    assert chosen(Selection()) == []
    assert chosen(Selection(query=DocumentQuery())) == [first.id, second.id]
    assert chosen(Selection(query=DocumentQuery(in_bin=True))) == [binned.id]


def test_orders_know_their_column_and_direction() -> None:
    assert {order for order in Order if order.is_descending} == {
        Order.NEWEST,
        Order.NAME_DESCENDING,
        Order.LARGEST,
    }
    assert [order.column.key for order in Order] == ["id", "id", "title_key", "title_key", "size", "size"]
    assert len(belonging(1, DocumentQuery())) == 2


def test_the_types_and_people_that_there_are(
    session: Session, make: Factory, acme: VirtualInstance, globex: VirtualInstance
) -> None:
    ann, bob, eve = (
        make.user(acme, email="ann@x.test"),
        make.user(acme, email="bob@x.test"),
        make.user(globex),
    )
    make.document(acme, mime_type="image/png", owner_id=bob.id)
    make.document(acme, mime_type="image/png", owner_id=bob.id)
    make.document(acme, mime_type="audio/mpeg", owner_id=None)
    make.document(acme, mime_type="video/mp4", owner_id=ann.id, deleted_at=utc_now())
    make.document(globex, mime_type="text/plain", owner_id=eve.id)
    assert types_of(session, acme.id) == ["audio/mpeg", "image/png"]
    assert owners_of(session, acme.id) == {bob.id: "bob@x.test"}
    # Whoever is asked for is among them, unless of another instance.
    assert list(owners_of(session, acme.id, also=ann.id).values()) == ["ann@x.test", "bob@x.test"]
    assert owners_of(session, acme.id, also=eve.id) == {bob.id: "bob@x.test"}
    assert types_of(session, 99) == []
    assert MOST_OWNERS > 100
