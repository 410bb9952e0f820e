import io

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from autotag.media.errors import FolderNotFound, UploadRefused
from autotag.media.library.editing import TextsRefused
from autotag.media.storage.storage import FolderStorage
from autotag.media.uploads.idempotency import KeyRefused, check_key
from autotag.models import Document, IdempotencyKey, TagAssignment, User, VirtualInstance
from autotag.tagging.queueing.queue import TaggingQueue
from autotag.tagging.uploads.upload import Sender, Stored, UploadWishes, store_upload
from tests.unit.conftest import Factory

NOTHING = UploadWishes(None, ())


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def eva(make: Factory, acme: VirtualInstance) -> User:
    return make.user(acme)


class Uploads:
    """What a sender sends."""

    def __init__(self, session: Session, sender: Sender, storage: FolderStorage, queue: TaggingQueue) -> None:
        self.session = session
        self._rest = (sender, storage, queue)

    def __call__(
        self, wishes: UploadWishes = NOTHING, content: bytes = b"abc", name: str = "a.txt"
    ) -> Stored:
        sender, storage, queue = self._rest
        return store_upload(
            self.session, io.BytesIO(content), name, wishes, sender, storage=storage, queue=queue
        )

    def count(self, model: type) -> int:
        self.session.rollback()
        return self.session.scalar(select(func.count()).select_from(model)) or 0


@pytest.fixture
def upload(session: Session, eva: User, storage: FolderStorage, queue: TaggingQueue) -> Uploads:
    return Uploads(session, Sender(eva.instance_id, eva.id), storage, queue)


def test_a_file_becomes_a_document_with_its_tags_and_is_queued(upload: Uploads, queue: TaggingQueue) -> None:
    stored = upload(UploadWishes(None, ("sea",), title="  My\u0007 file "))
    document = upload.session.get_one(Document, stored.document_id)
    assert (document.title, stored.is_replay) == ("My file", False)
    assert upload.count(TagAssignment) == 1
    assert queue.waiting() == 1


def test_a_blank_title_is_none(upload: Uploads) -> None:
    stored = upload(UploadWishes(None, (), title="  "), name="holiday.txt")
    assert upload.session.get_one(Document, stored.document_id).title == "holiday"


@pytest.mark.parametrize(
    ("wishes", "content", "error"),
    [
        (UploadWishes(4711, ()), b"x", FolderNotFound),
        (UploadWishes(None, (), title="x" * 256), b"x", TextsRefused),
        (NOTHING, b"", UploadRefused),
    ],
)
def test_what_is_refused_leaves_no_document_and_takes_no_key(
    upload: Uploads, wishes: UploadWishes, content: bytes, error: type[Exception]
) -> None:
    from dataclasses import replace

    with pytest.raises(error):
        upload(replace(wishes, key="1"), content)
    assert (upload.count(Document), upload.count(IdempotencyKey)) == (0, 0)
    assert not upload(UploadWishes(None, (), key="1")).is_replay


def test_a_key_finds_the_document_again(upload: Uploads) -> None:
    wishes = UploadWishes(None, ("sea", "sun"), key="1")
    first = upload(wishes)
    again = upload(UploadWishes(None, ("sun", "sea"), key="1"))
    assert again == Stored(first.document_id, is_replay=True)
    assert upload.count(Document) == 1
    with pytest.raises(KeyRefused) as refused:
        upload(wishes, b"other")
    assert refused.value.code == "idempotency_key_reused"


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, "\u00e4", "a\n"])
def test_a_key_is_short_and_plain(key: str) -> None:
    with pytest.raises(KeyRefused):
        check_key(key)
    assert check_key("import-2026.1:a_b") == "import-2026.1:a_b"
