"""Uploads that programs name with a key: sent again, they are the document that they became, and no second one."""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.errors import MediaError
from autotag.media.uploads.intake import ReceivedFile
from autotag.models import IdempotencyKey
from autotag.models.base import utc_now
from autotag.models.insertion import insert_new
from autotag.models.unit_of_work import unit_of_work

KEPT_FOR = timedelta(hours=24)
REUSED = "idempotency_key_reused"
PATTERN = r"^[A-Za-z0-9._:-]{1,128}$"


class KeyRefused(MediaError):
    """A key that cannot be used, or was used for another upload; nothing is stored."""


def check_key(key: str) -> str:
    """Return a key that can be used. Raises KeyRefused with code `idempotency_key`."""
    if not re.fullmatch(PATTERN, key):
        raise KeyRefused(
            "idempotency_key", "A key has 1 to 128 letters, digits, dots, colons, hyphens and underscores."
        )
    return key


def fingerprint(received: ReceivedFile, *, title: str, folder_id: int | None, tags: Sequence[str]) -> str:
    """Return what two uploads share that are the same: bytes, name, title, folder and tags."""
    said = [received.sha256, received.file_name, title, folder_id, sorted(tags)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def claim_key(
    session: Session, instance_id: int, user_id: int, key: str, request_sha256: str
) -> IdempotencyKey:
    """Take a key for an upload, or return what it was taken for: then its `document_id` is set.

    Of two at once the second waits here until the first one's transaction ends. Raises KeyRefused with code
    `idempotency_key_reused` when it was taken for something else.
    """
    _forget(session, instance_id, user_id, key)
    values = {
        "instance_id": instance_id,
        "user_id": user_id,
        "key": key,
        "request_sha256": request_sha256,
        "created_at": utc_now(),
    }
    insert_new(session, IdempotencyKey.__table__, [values])
    row = session.scalars(
        select(IdempotencyKey)
        .where(
            IdempotencyKey.instance_id == instance_id,
            IdempotencyKey.user_id == user_id,
            IdempotencyKey.key == key,
        )
        .execution_options(populate_existing=True)
    ).one()
    if row.request_sha256 != request_sha256:
        raise KeyRefused(REUSED, "This key was sent with another file or other fields. Use a new one.")
    return row


def forget_old_keys(sessions: sessionmaker[Session]) -> None:
    """Delete the keys of more than a day ago."""
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < utc_now() - KEPT_FOR))


def _forget(session: Session, instance_id: int, user_id: int, key: str) -> None:
    """Delete a key whose day is over, though nobody has swept it yet."""
    session.execute(
        delete(IdempotencyKey).where(
            IdempotencyKey.instance_id == instance_id,
            IdempotencyKey.user_id == user_id,
            IdempotencyKey.key == key,
            IdempotencyKey.created_at < utc_now() - KEPT_FOR,
        )
    )
