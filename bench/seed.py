"""Fills an installation's database with documents, tags, folders and people, as many as are asked for.

The same seed makes the same rows; only their moments end now. The files themselves are not made, except, with
`--pictures`, a few drawings that the documents share. Documents that wait to be tagged are held back for years,
because there is nothing behind them to be tagged.

    AUTOTAG_INSTANCE_PATH=/some/folder python bench/seed.py --documents 100000
"""

from __future__ import annotations

import argparse
import hashlib
import io
import random
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

from PIL import Image
from seed_rows import PLACES, Library, Numbers, Rows, assignment, make_rows
from sqlalchemy import Table, func, insert, select, text
from sqlalchemy.orm import Session, sessionmaker

from autotag.config import Config
from autotag.inference.models.labels import imagenet_labels
from autotag.instances.directory import ensure_default_instance
from autotag.media.library.search import refresh
from autotag.media.storage.renditions import PREVIEW_SIDE, THUMBNAIL_SIDE, preview_key, thumbnail_key
from autotag.media.storage.storage import FolderStorage, original_key
from autotag.models import (
    Document,
    DocumentVersion,
    Folder,
    Role,
    Tag,
    TagAssignment,
    TaggingAttempt,
    User,
    VirtualInstance,
    schema,
)
from autotag.models.base import utc_now
from autotag.models.engine import build_session_factory
from autotag.models.names import fold
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.policy import normalize_name

CHUNK = 5_000
TAGS = 1_000
COMMON_TAG = "photograph"
RARE_TAG = "seen once"
PEOPLE = 12
FOLDERS = 240
SPAN = timedelta(days=730)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--documents", type=int, default=10_000, help="how many in each instance")
    parser.add_argument(
        "--elsewhere", type=int, help="how many in each instance but the default one, if others"
    )
    parser.add_argument("--instances", type=int, default=1, help="the default one and further ones")
    parser.add_argument("--pictures", type=int, default=0, help="drawings that the documents share as files")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    config = Config.from_environment()
    begin = time.monotonic()
    sessions = build_session_factory(config.database_url, durable=False)
    with sessions() as session:
        schema.upgrade(session.get_bind().engine)
    storage = FolderStorage(config.storage_path)
    hashes = keep_pictures(storage, options.pictures) if options.pictures else []
    ids = fill(
        sessions,
        documents=options.documents,
        elsewhere=options.elsewhere,
        instances=options.instances,
        seed=options.seed,
        hashes=hashes,
        base_domain=config.base_domain,
    )
    with sessions() as session:
        total = session.scalar(select(func.count(Document.id)))
    print(
        f"{total:,} documents in {len(ids)} instances, {time.monotonic() - begin:.1f} s",
        file=sys.stderr,
    )


def fill(
    sessions: sessionmaker[Session],
    *,
    documents: int,
    elsewhere: int | None = None,
    instances: int = 1,
    seed: int = 1,
    hashes: Sequence[str] = (),
    base_domain: str = "localhost",
) -> list[int]:
    """Fill a migrated database; return the ids of the instances, the default one first.

    Each gets as many documents, or the others `elsewhere` if that is given. `hashes` are contents that are kept already
    and that all documents share.
    """
    chance = random.Random(seed)
    now = utc_now().replace(microsecond=0)
    with sessions() as session, unit_of_work(session) as work:
        libraries = [
            prepare(work.session, instance_id, chance, now)
            for instance_id in make_instances(work.session, instances, base_domain)
        ]
        numbers = Numbers(_next_id(work.session, Document), _next_id(work.session, TaggingAttempt))
    totals = [documents, *[documents if elsewhere is None else elsewhere] * (instances - 1)]
    for start in range(0, max(totals), CHUNK):
        # The instances take turns, so that the documents of each lie between those of the others.
        for library, total in zip(libraries, totals, strict=True):
            size = min(CHUNK, total - start)
            if size <= 0:
                continue
            moments = [now - SPAN * (1 - (start + index + 1) / total) for index in range(size)]
            rows = make_rows(library, numbers, moments, chance, hashes)
            if start == 0:
                rows.assignments.append(assignment(library, rows.documents[0], library.rare_tag, None, 0))
            with sessions() as session, unit_of_work(session) as work:
                write(work.session, rows)
    with sessions() as session, unit_of_work(session) as work:
        _advance_sequences(work.session)
    return [library.instance_id for library in libraries]


def make_instances(session: Session, number: int, base_domain: str) -> list[int]:
    """Return the ids of the default instance and of as many further ones as are missing."""
    ids = [ensure_default_instance(session, base_domain).id]
    for index in range(1, number):
        name = f"site{index}"
        known = session.scalar(select(VirtualInstance.id).where(VirtualInstance.web_id == name))
        if known is None:
            instance = VirtualInstance(web_id=name, virtual_host=name, mail_domain=f"{name}.example")
            session.add(instance)
            session.flush()
            known = instance.id
        ids.append(known)
    return ids


def prepare(session: Session, instance_id: int, chance: random.Random, now: datetime) -> Library:
    """Make the people, folders and tags of an instance; those that are there already are used again."""
    people = _ensure(
        session,
        User,
        instance_id,
        User.email,
        [
            {
                "email": f"person{number}@example.test",
                "password_hash": "no password fits",
                "role": Role.EDITOR,
            }
            for number in range(1, PEOPLE + 1)
        ],
        now,
    )
    # Some classes share a name, or differ in its case only.
    labels = {fold(name): name for name in map(normalize_name, imagenet_labels())}
    labels.pop(COMMON_TAG, None)
    names = list(labels.values())
    chance.shuffle(names)
    names = [COMMON_TAG, *names[: TAGS - 2], RARE_TAG]
    tags = _ensure(
        session,
        Tag,
        instance_id,
        Tag.normalized_name,
        [{"name": name, "normalized_name": fold(name)} for name in names],
        now,
    )
    folders = _make_folders(session, instance_id, chance, now)
    # Zipf: the tag or folder of rank r is used in proportion to 1 / r.
    return Library(
        instance_id,
        people=list(people.values()),
        folders=folders,
        folder_weights=list(accumulate(1 / rank for rank in range(1, len(folders) + 1))),
        tags=[tags[fold(name)] for name in names[1:-1]],
        tag_weights=list(accumulate(1 / rank for rank in range(1, len(names) - 1))),
        common_tag=tags[COMMON_TAG],
        rare_tag=tags[RARE_TAG],
    )


def write(session: Session, rows: Rows) -> None:
    """Insert one chunk, and let the search know of it."""
    for table, values in (
        (Document.__table__, rows.documents),
        (DocumentVersion.__table__, rows.versions),
        (TaggingAttempt.__table__, rows.attempts),
        (TagAssignment.__table__, rows.assignments),
    ):
        assert isinstance(table, Table)
        if values:
            session.execute(insert(table), values)
    refresh(session, [row["id"] for row in rows.documents])


def keep_pictures(storage: FolderStorage, number: int) -> list[str]:
    """Keep drawings with their renditions, as an upload and a worker would; return their content hashes."""
    hashes = []
    for index in range(number):
        picture = Image.effect_mandelbrot((800, 600), (-2 + index / number, -1.2, 0.8, 1.2), 60)
        drawing = Image.merge("RGB", (picture, picture.rotate(90 * index), picture.rotate(180)))
        content = _jpeg(drawing)
        sha256 = hashlib.sha256(content).hexdigest()
        _keep(storage, original_key(sha256), content)
        for key, side in ((thumbnail_key(sha256), THUMBNAIL_SIDE), (preview_key(sha256), PREVIEW_SIDE)):
            smaller = drawing.copy()
            smaller.thumbnail((side, side))
            _keep(storage, key, _jpeg(smaller))
        hashes.append(sha256)
    return hashes


def _make_folders(session: Session, instance_id: int, chance: random.Random, now: datetime) -> list[int]:
    """Make a tree of folders, up to four deep; return their ids. Folders that are there already are used again."""
    known = list(
        session.scalars(select(Folder.id).where(Folder.instance_id == instance_id).order_by(Folder.id))
    )
    depths = dict.fromkeys(known, 1)
    for number in range(len(known), FOLDERS):
        parents = [folder_id for folder_id, depth in depths.items() if depth < 4]
        parent = chance.choice(parents) if parents and chance.random() < 0.8 else None
        name = f"{chance.choice(PLACES).capitalize()} {2000 + number}"
        folder = Folder(
            instance_id=instance_id, parent_id=parent, name=name, normalized_name=fold(name), created_at=now
        )
        session.add(folder)
        session.flush()
        depths[folder.id] = 1 if parent is None else depths[parent] + 1
    return list(depths)


def _ensure(
    session: Session,
    model: Any,
    instance_id: int,
    key: Any,
    rows: list[dict[str, Any]],
    now: datetime,
) -> dict[str, int]:
    """Insert the rows that the instance lacks; return the ids of all by their key."""
    statement = select(key, model.id).where(model.instance_id == instance_id)
    known = dict(session.execute(statement).all())
    missing = [
        row | {"instance_id": instance_id, "created_at": now} for row in rows if row[key.key] not in known
    ]
    if missing:
        session.execute(insert(model.__table__), missing)
    found = dict(session.execute(statement).all())
    return {row[key.key]: found[row[key.key]] for row in rows}


def _next_id(session: Session, model: Any) -> int:
    return (session.scalar(select(func.max(model.id))) or 0) + 1


def _advance_sequences(session: Session) -> None:
    """Let PostgreSQL go on behind the ids that were given here; SQLite does so by itself."""
    if session.get_bind().dialect.name != "postgresql":
        return
    for table in ("document", "tagging_attempt"):
        session.execute(
            text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")  # noqa: S608
        )


def _jpeg(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "JPEG")
    return content.getvalue()


def _keep(storage: FolderStorage, key: str, content: bytes) -> None:
    path: Path = storage.incoming()
    path.write_bytes(content)
    storage.keep(path, key, durable=False)


if __name__ == "__main__":
    main()
