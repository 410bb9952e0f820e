from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from autotag.media.uploads.duplicates import SENT_AGAIN_WITHIN, same_content, sent_before
from autotag.media.uploads.intake import ReceivedFile
from autotag.models import Document, VirtualInstance
from autotag.models.base import utc_now
from tests.unit.conftest import Factory

SHA = "ab" * 32


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


def received(name: str = "cat.png", sha256: str = SHA) -> ReceivedFile:
    return ReceivedFile(name, sha256, 1, "image/png")


def test_the_oldest_document_with_the_same_bytes_is_named(
    make: Factory, session: Session, acme: VirtualInstance
) -> None:
    oldest, _, newest = (make.document(acme, sha256=SHA) for _ in range(3))
    found = same_content(session, acme.id, newest)
    assert found is not None
    assert found.id == oldest.id


def test_other_bytes_another_instance_and_the_recycle_bin_do_not_count(
    make: Factory, session: Session, acme: VirtualInstance
) -> None:
    document = make.document(acme, sha256=SHA)
    make.document(acme, sha256="cd" * 32)
    make.document(make.instance("globex"), sha256=SHA)
    make.document(acme, sha256=SHA, deleted_at=utc_now())
    assert same_content(session, acme.id, document) is None


def test_a_file_that_was_sent_before_is_found(make: Factory, session: Session, acme: VirtualInstance) -> None:
    owner = make.user(acme)
    document = make.document(acme, sha256=SHA, file_name="cat.png", owner_id=owner.id)
    found = sent_before(session, acme.id, received(), owner_id=owner.id, folder_id=None)
    assert found is not None
    assert found.id == document.id


@pytest.mark.parametrize("difference", ["name", "bytes", "owner", "folder", "age", "deleted", "instance"])
def test_whatever_differs_is_another_file(
    make: Factory, session: Session, acme: VirtualInstance, difference: str
) -> None:
    owner = make.user(acme)
    there = make.instance("globex") if difference == "instance" else acme
    values = {
        "sha256": "cd" * 32 if difference == "bytes" else SHA,
        "file_name": "dog.png" if difference == "name" else "cat.png",
        "owner_id": make.user(acme).id if difference == "owner" else owner.id,
        "deleted_at": utc_now() if difference == "deleted" else None,
        "created_at": utc_now() - (2 * SENT_AGAIN_WITHIN if difference == "age" else timedelta()),
    }
    document: Document = make.document(there, **values)
    assert document.id
    folder_id = 7 if difference == "folder" else None
    assert sent_before(session, acme.id, received(), owner_id=owner.id, folder_id=folder_id) is None
