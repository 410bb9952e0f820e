from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.errors import DocumentNotFound, UploadRefused
from autotag.media.library.search import matching_ids
from autotag.media.uploads.intake import ReceivedFile, accept
from autotag.media.uploads.versions import (
    VersionNotFound,
    add_version,
    list_versions,
    load_version,
    restore_version,
)
from autotag.models import Document, DocumentVersion, TaggingState, User, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from tests.unit.conftest import Factory

OLD = ReceivedFile("cat.png", "a" * 64, 10, "image/png")
NEW = ReceivedFile("dog.jpg", "b" * 64, 20, "image/jpeg")
Add = Callable[[ReceivedFile], Document]


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def ann(make: Factory, acme: VirtualInstance) -> User:
    return make.user(acme, email="ann@acme.test")


@pytest.fixture
def document(session: Session, acme: VirtualInstance, ann: User) -> Document:
    with unit_of_work(session) as work:
        made = accept(work, OLD, instance_id=acme.id, owner_id=ann.id, title="Pet")
        made.description = "Ours."
        made.width, made.height, made.placeholder, made.exif = 640, 480, "tiny", {"Camera": "Canon"}
        made.tagging_crashes, made.tagging_attempts, made.tagging_state = 1, 3, TaggingState.TAGGED
        made.tagging_worker_deaths = 2
    return made


@pytest.fixture
def add(session: Session, document: Document, ann: User) -> Add:
    def add(received: ReceivedFile) -> Document:
        with unit_of_work(session) as work:
            return add_version(
                work,
                received,
                instance_id=document.instance_id,
                document_id=document.id,
                user_id=ann.id,
            )

    return add


def restore(session: Session, document: Document, number: int) -> Document:
    with unit_of_work(session) as work:
        return restore_version(
            work, number, instance_id=document.instance_id, document_id=document.id, user_id=None
        )


def numbers(session: Session, document: Document) -> list[tuple[int, str]]:
    listed = list_versions(session, document.instance_id, document.id)
    return [(one.version.number, one.version.sha256[0]) for one in listed]


def test_a_new_version_takes_the_place_of_the_file_and_of_nothing_else(
    session: Session, document: Document, add: Add, acme: VirtualInstance
) -> None:
    before = document.updated_at
    changed = add(NEW)
    assert (changed.file_name, changed.sha256, changed.mime_type, changed.size) == (
        "dog.jpg",
        "b" * 64,
        "image/jpeg",
        20,
    )
    assert (changed.title, changed.description, changed.version_number) == ("Pet", "Ours.", 2)
    assert changed.updated_at > before
    condition = matching_ids(session, acme.id, "dog pet")
    assert condition is not None
    assert session.query(Document.id).filter(Document.id.in_(condition)).all() == [(document.id,)]


def test_what_was_told_from_the_old_content_is_forgotten(add: Add) -> None:
    changed = add(NEW)
    assert (changed.width, changed.height, changed.placeholder, changed.exif) == (None, None, "", None)
    assert not changed.has_renditions
    assert (changed.tagging_crashes, changed.tagging_worker_deaths, changed.tagging_attempts) == (0, 0, 0)


def test_versions_are_listed_the_newest_first_with_who_uploaded_them(
    session: Session, document: Document, add: Add
) -> None:
    add(NEW)
    assert numbers(session, document) == [(2, "b"), (1, "a")]
    assert {one.uploaded_by for one in list_versions(session, document.instance_id, document.id)} == {
        "ann@acme.test"
    }


def test_the_same_content_is_told_and_changes_nothing(session: Session, document: Document, add: Add) -> None:
    with pytest.raises(UploadRefused) as caught:
        add(ReceivedFile("other name.png", OLD.sha256, 10, "image/png"))
    assert caught.value.code == "same_content"
    assert numbers(session, document) == [(1, "a")]
    assert session.get_one(Document, document.id).file_name == "cat.png"


def test_an_old_version_is_brought_back_as_a_new_one(session: Session, document: Document, add: Add) -> None:
    add(NEW)
    changed = restore(session, document, 1)
    assert (changed.file_name, changed.sha256, changed.version_number) == ("cat.png", "a" * 64, 3)
    assert numbers(session, document) == [(3, "a"), (2, "b"), (1, "a")]
    with pytest.raises(UploadRefused, match="Version 1 has the same content"):
        restore(session, document, 1)


def test_two_new_versions_from_two_sessions_get_numbers_of_their_own(
    sessions: sessionmaker[Session], session: Session, document: Document, add: Add
) -> None:
    """Both people have the page open; the second one's session still holds the document as it was."""
    with sessions() as other:
        assert other.get_one(Document, document.id).version_number == 1
        add(NEW)
        with unit_of_work(other) as work:
            add_version(
                work,
                ReceivedFile("third.png", "c" * 64, 5, "image/png"),
                instance_id=document.instance_id,
                document_id=document.id,
                user_id=None,
            )
    assert numbers(session, document) == [(3, "c"), (2, "b"), (1, "a")]


def test_one_version_is_found_by_its_number_only_in_its_own_document_and_instance(
    session: Session, make: Factory, document: Document
) -> None:
    assert load_version(session, document.instance_id, document.id, 1).file_name == "cat.png"
    other = make.document(document_instance(session, document))
    for instance_id, document_id, number in (
        (document.instance_id, document.id, 2),
        (document.instance_id, other.id, 1),
        (make.instance().id, document.id, 1),
    ):
        with pytest.raises(VersionNotFound):
            load_version(session, instance_id, document_id, number)
    with pytest.raises(VersionNotFound):
        restore(session, document, 7)


def document_instance(session: Session, document: Document) -> VirtualInstance:
    return session.get_one(VirtualInstance, document.instance_id)


def test_nothing_is_added_to_a_document_in_the_bin_or_of_another_instance(
    session: Session, make: Factory, document: Document, add: Add
) -> None:
    stranger = make.instance().id
    with pytest.raises(DocumentNotFound), unit_of_work(session) as work:
        add_version(work, NEW, instance_id=stranger, document_id=document.id, user_id=None)
    with unit_of_work(session) as work:
        work.session.get_one(Document, document.id).deleted_at = utc_now()
    with pytest.raises(DocumentNotFound):
        add(NEW)
    with pytest.raises(DocumentNotFound):
        load_version(session, document.instance_id, document.id, 1)
    assert session.query(DocumentVersion).count() == 1
