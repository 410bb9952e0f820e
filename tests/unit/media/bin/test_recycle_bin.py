from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.bin.recycle_bin import empty, purge, restore, restore_act, trash
from autotag.media.library.library import list_documents
from autotag.media.library.query import DocumentQuery, Selection
from autotag.media.library.search import refresh
from autotag.models import (
    Document,
    DocumentVersion,
    Folder,
    PredictionSet,
    ReleasedContent,
    TagAssignment,
    TaggingState,
    User,
    VirtualInstance,
)
from autotag.models.base import utc_now
from autotag.models.names import fold
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from tests.unit.conftest import Factory

NOON = datetime(2026, 5, 3, 12, 0, 0, 123456, tzinfo=UTC)

Do = Callable[..., object]


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def ann(make: Factory, acme: VirtualInstance) -> User:
    return make.user(acme)


@pytest.fixture
def bob(make: Factory, acme: VirtualInstance) -> User:
    return make.user(acme)


@pytest.fixture
def do(sessions: sessionmaker[Session]) -> Do:
    """Calls a service in a unit of work of its own."""

    def do(service: Callable[..., object], *arguments: object, **options: object) -> object:
        with sessions() as session, unit_of_work(session) as work:
            return service(work, *arguments, **options)

    return do


@pytest.fixture
def folder(sessions: sessionmaker[Session], acme: VirtualInstance) -> Callable[..., int]:
    def folder(name: str, parent: int | None = None, instance: VirtualInstance = acme) -> int:
        with sessions() as session, unit_of_work(session) as work:
            row = Folder(instance_id=instance.id, parent_id=parent, name=name, normalized_name=fold(name))
            work.session.add(row)
            work.session.flush()
            return row.id

    return folder


def ids(*documents: Document) -> Selection:
    return Selection(ids=tuple(document.id for document in documents))


def reload(session: Session, document: Document) -> Document:
    session.rollback()
    session.expire_all()
    return session.get_one(Document, document.id)


def listed(session: Session, instance: VirtualInstance, **query: object) -> list[int]:
    session.rollback()
    page = list_documents(session, instance.id, DocumentQuery(**query))  # type: ignore[arg-type]
    return [item.document.id for item in page.items]


def released(session: Session) -> set[str]:
    session.rollback()
    return set(session.scalars(select(ReleasedContent.sha256)))


def folders(session: Session) -> dict[str, int | None]:
    session.rollback()
    return {row.name: row.parent_id for row in session.execute(select(Folder.name, Folder.parent_id))}


def test_what_is_deleted_lies_in_the_bin_with_when_by_whom_and_from_where(
    session: Session, make: Factory, acme: VirtualInstance, ann: User, do: Do, folder: Callable[..., int]
) -> None:
    rome = folder("Rome", folder("Holidays"))
    deep, top = make.document(acme, folder_id=rome), make.document(acme)
    stamp = do(trash, acme.id, ids(deep, top), user_id=ann.id)
    assert listed(session, acme) == []
    assert listed(session, acme, in_bin=True) == [top.id, deep.id]
    row = reload(session, deep)
    assert (row.deleted_at, row.deleted_by_id, row.folder_id) == (stamp, ann.id, None)
    assert row.deleted_from == "Holidays/Rome"
    assert reload(session, top).deleted_from == ""


def test_the_moment_of_an_act_in_parts_is_the_same_on_all(
    session: Session, make: Factory, acme: VirtualInstance, ann: User, do: Do
) -> None:
    first, second = make.document(acme), make.document(acme)
    for document in (first, second):
        assert do(trash, acme.id, ids(document), user_id=ann.id, moment=NOON) == NOON
    assert {reload(session, one).deleted_at for one in (first, second)} == {NOON}


def test_deleting_again_changes_nothing(
    session: Session, make: Factory, acme: VirtualInstance, ann: User, bob: User, do: Do
) -> None:
    document = make.document(acme)
    do(trash, acme.id, ids(document), user_id=ann.id, moment=NOON)
    do(trash, acme.id, ids(document), user_id=bob.id)
    row = reload(session, document)
    assert (row.deleted_at, row.deleted_by_id) == (NOON, ann.id)


def test_a_whole_folder_with_what_is_below_goes_by_a_query(
    session: Session, make: Factory, acme: VirtualInstance, do: Do, folder: Callable[..., int]
) -> None:
    holidays = folder("Holidays")
    inside = make.document(acme, folder_id=folder("Rome", holidays))
    outside = make.document(acme)
    do(
        trash,
        acme.id,
        Selection(query=DocumentQuery(folder_id=holidays, with_subfolders=True)),
        user_id=None,
    )
    assert listed(session, acme) == [outside.id]
    assert reload(session, inside).deleted_from == "Holidays/Rome"


def test_more_than_one_statement_can_name_go_at_once(
    session: Session,
    sessions: sessionmaker[Session],
    acme: VirtualInstance,
    do: Do,
    many: Callable[[int], None],
) -> None:
    many(1203)
    do(trash, acme.id, Selection(query=DocumentQuery()), user_id=None)
    assert list_documents(session, acme.id).total == 0
    assert do(restore, acme.id, Selection(query=DocumentQuery(in_bin=True))) == 1203
    session.rollback()
    assert list_documents(session, acme.id).total == 1203


@pytest.fixture
def many(sessions: sessionmaker[Session], acme: VirtualInstance) -> Callable[[int], None]:
    def many(number: int) -> None:
        with sessions() as session, unit_of_work(session) as work:
            work.session.add_all(
                Document(
                    instance_id=acme.id,
                    title=f"Document {index}",
                    file_name="a.png",
                    sha256="0" * 64,
                    mime_type="image/png",
                    size=1,
                    tagging_state=TaggingState.TAGGED,
                )
                for index in range(number)
            )

    return many


def test_restored_documents_are_where_they_were_in_folders_that_may_have_to_be_made_again(
    session: Session, make: Factory, acme: VirtualInstance, ann: User, do: Do, folder: Callable[..., int]
) -> None:
    holidays = folder("Holidays")
    document = make.document(acme, folder_id=folder("Rome", holidays))
    do(trash, acme.id, ids(document), user_id=ann.id)
    with do_sql(session) as work:
        work.session.execute(text("DELETE FROM folder"))
    assert do(restore, acme.id, ids(document)) == 1
    row = reload(session, document)
    assert (row.deleted_at, row.deleted_by_id, row.deleted_from) == (None, None, "")
    made = folders(session)
    assert set(made) == {"Holidays", "Rome"}
    rome = session.scalars(select(Folder).where(Folder.id == row.folder_id)).one()
    assert rome.name == "Rome"
    assert rome.parent_id is not None


def do_sql(session: Session):  # type: ignore[no-untyped-def]
    return unit_of_work(session)


def test_a_folder_made_again_meanwhile_is_used_whatever_its_case(
    session: Session, make: Factory, acme: VirtualInstance, do: Do, folder: Callable[..., int]
) -> None:
    document = make.document(acme, folder_id=folder("Straße"))
    do(trash, acme.id, ids(document), user_id=None)
    with do_sql(session) as work:
        work.session.execute(text("DELETE FROM folder"))
    again = folder("STRASSE")
    do(restore, acme.id, ids(document))
    assert reload(session, document).folder_id == again
    assert list(folders(session)) == ["STRASSE"]


def test_a_document_in_the_bin_keeps_its_tags_versions_and_state(
    session: Session, make: Factory, acme: VirtualInstance, do: Do
) -> None:
    document = make.document(acme, tagging_state=TaggingState.FAILED, tagging_reason="Too dark.")
    make.tag(document, "cat")
    version(session, document, 1, document.sha256)
    do(trash, acme.id, ids(document), user_id=None)
    do(restore, acme.id, ids(document))
    row = reload(session, document)
    assert (row.tagging_state, row.tagging_reason) == (TaggingState.FAILED, "Too dark.")
    assert len(session.scalars(select(TagAssignment)).all()) == 1
    assert len(session.scalars(select(DocumentVersion)).all()) == 1


def version(session: Session, document: Document, number: int, sha256: str) -> None:
    with unit_of_work(session) as work:
        work.session.add(
            DocumentVersion(
                instance_id=document.instance_id,
                document_id=document.id,
                number=number,
                file_name="a.png",
                sha256=sha256,
                mime_type="image/png",
                size=1,
            )
        )


def test_what_waited_to_be_tagged_is_handed_out_at_once_after_it_came_back(
    session: Session, make: Factory, acme: VirtualInstance, do: Do
) -> None:
    now = utc_now()
    waiting = make.document(acme, tagging_enqueued_at=now)
    tagged = make.document(acme, tagging_state=TaggingState.TAGGED, tagging_enqueued_at=now)
    do(trash, acme.id, ids(waiting, tagged), user_id=None)
    do(restore, acme.id, ids(waiting, tagged))
    assert reload(session, waiting).tagging_enqueued_at is None
    assert reload(session, tagged).tagging_enqueued_at == now


def test_an_act_is_taken_back_as_a_whole_and_nothing_else_is(
    session: Session, make: Factory, acme: VirtualInstance, ann: User, bob: User, do: Do
) -> None:
    one, two, earlier, of_bob = (make.document(acme) for _ in range(4))
    do(trash, acme.id, ids(earlier), user_id=ann.id)
    do(trash, acme.id, ids(of_bob), user_id=bob.id, moment=NOON)
    do(trash, acme.id, ids(one, two), user_id=ann.id, moment=NOON)
    assert do(restore_act, acme.id, NOON, ann.id) == 2
    assert listed(session, acme) == [two.id, one.id]
    assert do(restore_act, acme.id, NOON, ann.id) == 0


def test_an_act_without_a_person_is_known_by_its_moment(
    session: Session, make: Factory, acme: VirtualInstance, ann: User, do: Do
) -> None:
    nobodys, anns = make.document(acme), make.document(acme)
    do(trash, acme.id, ids(nobodys), user_id=None, moment=NOON)
    do(trash, acme.id, ids(anns), user_id=ann.id, moment=NOON)
    assert do(restore_act, acme.id, NOON, None) == 1
    assert listed(session, acme) == [nobodys.id]


def test_documents_of_another_instance_are_left_alone(
    session: Session, make: Factory, acme: VirtualInstance, ann: User, do: Do
) -> None:
    globex = make.instance("globex")
    theirs, in_their_bin = make.document(globex), make.document(globex, deleted_at=NOON)
    do(trash, acme.id, ids(theirs), user_id=ann.id)
    assert do(restore, acme.id, ids(in_their_bin)) == 0
    assert do(restore_act, acme.id, NOON, None) == 0
    assert do(purge, acme.id, ids(theirs, in_their_bin)) == 0
    assert do(empty, acme.id) == 0
    assert reload(session, theirs).deleted_at is None
    assert reload(session, in_their_bin).deleted_at == NOON
    assert released(session) == set()


def test_only_what_lies_in_the_bin_is_deleted_for_good(
    session: Session, make: Factory, acme: VirtualInstance, do: Do
) -> None:
    alive, dead = make.document(acme), make.document(acme, deleted_at=NOON)
    assert do(purge, acme.id, ids(alive, dead)) == 1
    assert list(session.scalars(select(Document.id))) == [alive.id]
    assert do(purge, acme.id, ids(alive, dead)) == 0


def test_what_is_deleted_for_good_leaves_no_row_and_releases_the_contents_of_all_its_versions(
    session: Session, make: Factory, acme: VirtualInstance, do: Do
) -> None:
    document = make.document(acme, deleted_at=NOON, title="Zebra")
    make.tag(document, "cat")
    version(session, document, 1, "a" * 64)
    version(session, document, 2, document.sha256)
    with unit_of_work(session) as work:
        refresh(work.session, [document.id])
        work.session.add(predictions(acme, "a" * 64))
    assert listed(session, acme, in_bin=True, text="zebra") == [document.id]
    do(purge, acme.id, ids(document))
    assert released(session) == {"a" * 64, document.sha256}
    for table in ("document", "document_version", "tag_assignment", "document_search", "prediction_set"):
        assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table


def predictions(instance: VirtualInstance, sha256: str) -> PredictionSet:
    return PredictionSet(
        instance_id=instance.id,
        sha256=sha256,
        provider="tensorflow",
        model="toy",
        model_version="1",
        runtime="",
        predictions=[],
    )


def test_what_providers_said_stays_while_a_document_of_the_instance_has_the_bytes(
    session: Session, make: Factory, acme: VirtualInstance, do: Do
) -> None:
    dead = make.document(acme, deleted_at=NOON)
    make.document(acme, sha256=dead.sha256)
    with unit_of_work(session) as work:
        work.session.add(predictions(acme, dead.sha256))
    do(purge, acme.id, ids(dead))
    assert session.scalar(select(PredictionSet.sha256)) == dead.sha256


def test_a_number_is_not_given_again_to_another_document(
    session: Session, make: Factory, acme: VirtualInstance, do: Do
) -> None:
    """A page that is open, a bookmark or a job may still name the old one."""
    dead = make.document(acme, deleted_at=NOON)
    do(purge, acme.id, ids(dead))
    assert make.document(acme).id > dead.id


def test_emptying_takes_everything_in_the_bin(
    session: Session, make: Factory, acme: VirtualInstance, do: Do
) -> None:
    alive = make.document(acme)
    for _ in range(3):
        make.document(acme, deleted_at=NOON)
    assert do(empty, acme.id) == 3
    assert list(session.scalars(select(Document.id))) == [alive.id]


def test_the_number_of_statements_does_not_grow_with_the_number_of_documents(
    engine: Engine,
    acme: VirtualInstance,
    do: Do,
    many: Callable[[int], None],
    statements: Callable[[], list[str]],
) -> None:
    everything = Selection(query=DocumentQuery())
    lengths = []
    for number in (2, 400):
        many(number)
        noted = statements()
        do(trash, acme.id, everything, user_id=None)
        do(restore, acme.id, everything)
        do(trash, acme.id, everything, user_id=None)
        do(empty, acme.id)
        lengths.append(len(noted))
    # The search is told of each document that went, in one call.
    assert lengths[0] == lengths[1]


@pytest.fixture
def statements(engine: Engine) -> Callable[[], list[str]]:
    from sqlalchemy import event

    def begin() -> list[str]:
        noted: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            noted.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        return noted

    return begin


def test_two_people_who_restore_and_delete_for_good_at_once_do_not_lose_what_was_restored(
    sessions: sessionmaker[Session], session: Session, make: Factory, acme: VirtualInstance
) -> None:
    document = make.document(acme, deleted_at=NOON)
    with sessions() as other, unit_of_work(other) as work:
        assert restore(work, acme.id, ids(document)) == 1
    with sessions() as another, unit_of_work(another) as work:
        assert purge(work, acme.id, ids(document)) == 0
    assert reload(session, document).deleted_at is None


def test_nothing_is_deleted_when_the_transaction_fails(
    sessions: sessionmaker[Session], session: Session, make: Factory, acme: VirtualInstance
) -> None:
    document = make.document(acme, deleted_at=NOON)

    def fail(work: UnitOfWork) -> None:
        purge(work, acme.id, ids(document))
        raise RuntimeError("no")

    with sessions() as other, pytest.raises(RuntimeError), unit_of_work(other) as work:
        fail(work)
    assert reload(session, document).deleted_at == NOON
    assert released(session) == set()
