"""An upload, whoever sends it: stored, made a document, tagged by its sender if asked, and queued for tagging."""

from dataclasses import dataclass, replace
from typing import BinaryIO

from sqlalchemy.orm import Session

from autotag.media.folders.folder_tree import load_folder
from autotag.media.folders.folders import ensure_path
from autotag.media.library.editing import clean_title
from autotag.media.storage.storage import Storage
from autotag.media.uploads.duplicates import sent_before
from autotag.media.uploads.idempotency import check_key, claim_key, fingerprint
from autotag.media.uploads.intake import ReceivedFile, accept, receive
from autotag.media.uploads.limits import upload_limits
from autotag.models import IdempotencyKey
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.tagging.document_tags.assign import add_tags
from autotag.tagging.queueing.queue import TaggingQueue


@dataclass(frozen=True, slots=True)
class UploadWishes:
    """What is to become of uploaded files: the folder they go into, and tags that a person gives them.

    `path` names folders below that one, which are made when they are missing: a folder that was dropped has files in
    folders of its own. `is_again` says that a script may have sent the same file before and not had its answer; `key`
    is the name that a program gave the upload, for the same reason. Without a title the file's name is one.
    """

    folder_id: int | None
    tags: tuple[str, ...]
    path: str = ""
    is_again: bool = False
    title: str = ""
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose upload it is: a person of an instance."""

    instance_id: int
    user_id: int


@dataclass(frozen=True, slots=True)
class Stored:
    """The document that an upload became; `is_replay` says that it was there before."""

    document_id: int
    is_replay: bool = False


def store_upload(
    session: Session,
    stream: BinaryIO,
    file_name: str,
    wishes: UploadWishes,
    sender: Sender,
    *,
    storage: Storage,
    queue: TaggingQueue,
) -> Stored:
    """Stream a file to disk, write its document and queue it for tagging, in a transaction of its own.

    A file that is sent again after it was stored is the document that it became. Raises UploadRefused, StorageError,
    TaggingRefused, KeyRefused, TextsRefused, FolderNotFound, also for a folder that was deleted meanwhile, and
    FolderRefused for a path with a step that no folder can have.
    """
    title = clean_title(wishes.title) if wishes.title.strip() else ""
    limits = upload_limits(session, sender.instance_id)
    with (
        receive(stream, file_name, session=session, storage=storage, limits=limits) as received,
        unit_of_work(session) as work,
    ):
        if wishes.folder_id is not None:
            load_folder(work.session, sender.instance_id, wishes.folder_id)
        if wishes.path:
            folder_id = ensure_path(work, sender.instance_id, wishes.path, parent_id=wishes.folder_id)
            wishes = replace(wishes, folder_id=folder_id)
        known = _known(work, received, wishes, sender, title)
        if isinstance(known, int):
            return Stored(known, is_replay=True)
        document = accept(
            work,
            received,
            instance_id=sender.instance_id,
            owner_id=sender.user_id,
            folder_id=wishes.folder_id,
            title=title or None,
        )
        if wishes.tags:
            add_tags(work, sender.instance_id, [document.id], wishes.tags, user_id=sender.user_id)
        if known is not None:
            known.document_id = document.id
        queue.enqueue_after_commit(work, document)
    return Stored(document.id)


def _known(
    work: UnitOfWork, received: ReceivedFile, wishes: UploadWishes, sender: Sender, title: str
) -> int | IdempotencyKey | None:
    """Return the id of the document that this upload became before; else the key that it takes, if it has one."""
    session, instance_id = work.session, sender.instance_id
    if wishes.key is not None:
        wanted = fingerprint(received, title=title, folder_id=wishes.folder_id, tags=wishes.tags)
        row = claim_key(session, instance_id, sender.user_id, check_key(wishes.key), wanted)
        return row if row.document_id is None else row.document_id
    if not wishes.is_again:
        return None
    known = sent_before(session, instance_id, received, owner_id=sender.user_id, folder_id=wishes.folder_id)
    return None if known is None else known.id
