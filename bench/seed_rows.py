"""Rows of a library that looks like one: kinds, states, owners, folders and tags in likely proportions."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from autotag.models import AssignmentSource, TaggingState
from autotag.models.names import sort_key

COMMON_SHARE = 1 / 3
HELD_BACK = timedelta(days=3650)
MODEL = "efficientnet-lite0"
MANUAL_SHARE = 0.15
TOP_LEVEL_SHARE = 0.2
DELETED_SHARE = 0.02

KINDS = (
    ("image/jpeg", "jpg", 0.80),
    ("image/png", "png", 0.09),
    ("image/webp", "webp", 0.03),
    ("image/tiff", "tif", 0.01),
    ("application/pdf", "pdf", 0.05),
    ("text/plain", "txt", 0.02),
)
STATES = (
    (TaggingState.TAGGED, "", "", 0.90),
    (TaggingState.NO_TAGS, "no_tags", "No prediction reached the confidence threshold.", 0.05),
    (TaggingState.FAILED, "undecodable", "The image is damaged and cannot be read.", 0.03),
    (TaggingState.QUARANTINED, "process_died", "The image stopped the process 2 times.", 0.005),
    (TaggingState.QUEUED, "", "", 0.015),
)
SKIPPED = (TaggingState.SKIPPED, "type_not_taken", "Only images are tagged.")
PLACES = (
    *(
        "harbour",
        "market",
        "bridge",
        "station",
        "garden",
        "workshop",
        "beach",
        "mountain",
        "library",
        "kitchen",
    ),
    *(
        "rooftop",
        "canal",
        "forest",
        "museum",
        "stadium",
        "lighthouse",
        "vineyard",
        "quarry",
        "island",
        "square",
    ),
)
OCCASIONS = (
    *(
        "morning",
        "evening",
        "opening",
        "holiday",
        "wedding",
        "inspection",
        "excursion",
        "birthday",
        "rehearsal",
    ),
    *(
        "storm",
        "harvest",
        "parade",
        "meeting",
        "summer",
        "winter",
        "autumn",
        "spring",
        "anniversary",
        "journey",
    ),
)


@dataclass
class Library:
    """What the documents of one instance refer to, and the numbers that go on from chunk to chunk."""

    instance_id: int
    people: list[int]
    folders: list[int]
    folder_weights: list[float]
    tags: list[int]
    tag_weights: list[float]
    common_tag: int
    rare_tag: int


@dataclass
class Numbers:
    """The next id of each table; ids ascend with time, as the product's do."""

    document: int
    attempt: int


@dataclass
class Rows:
    """The rows of one chunk."""

    documents: list[dict[str, Any]] = field(default_factory=list)
    versions: list[dict[str, Any]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    assignments: list[dict[str, Any]] = field(default_factory=list)


def make_rows(
    library: Library,
    numbers: Numbers,
    moments: Sequence[datetime],
    chance: random.Random,
    hashes: Sequence[str],
) -> Rows:
    """Make as many documents as there are moments, with all that belongs to them."""
    rows = Rows()
    kinds = chance.choices(KINDS, [kind[2] for kind in KINDS], k=len(moments))
    states = chance.choices(STATES, [state[3] for state in STATES], k=len(moments))
    owners = chance.choices(library.people, k=len(moments))
    folders = chance.choices(library.folders, cum_weights=library.folder_weights, k=len(moments))
    for moment, kind, state, owner, folder in zip(moments, kinds, states, owners, folders, strict=True):
        is_image = kind[0].startswith("image/")
        document = _document(numbers, library, moment, kind, (*state[:3],) if is_image else SKIPPED, chance)
        document |= {"owner_id": owner, "folder_id": None if chance.random() < TOP_LEVEL_SHARE else folder}
        if hashes and is_image:
            document["sha256"] = hashes[document["id"] % len(hashes)]
        if chance.random() < DELETED_SHARE:
            document |= {"deleted_at": moment + timedelta(minutes=5), "deleted_by_id": owner}
        rows.documents.append(document)
        rows.versions.append(_version(document))
        attempt_id = None
        if document["tagging_attempts"]:
            attempt_id, numbers.attempt = numbers.attempt, numbers.attempt + 1
            rows.attempts.append(_attempt(document, attempt_id, chance))
        rows.assignments += _assignments(library, document, attempt_id, chance)
        numbers.document += 1
    return rows


def _document(
    numbers: Numbers,
    library: Library,
    moment: datetime,
    kind: tuple[str, str, float],
    state: tuple[TaggingState, str, str],
    chance: random.Random,
) -> dict[str, Any]:
    number = numbers.document
    title = f"{chance.choice(PLACES).capitalize()} {chance.choice(OCCASIONS)} {number}"
    is_decoded = kind[0].startswith("image/") and state[0] not in (TaggingState.QUEUED, TaggingState.FAILED)
    attempts = {TaggingState.QUEUED: 0, TaggingState.FAILED: 3, TaggingState.QUARANTINED: 2}
    return {
        "id": number,
        "instance_id": library.instance_id,
        "title": title,
        "title_key": sort_key(title),
        "description": "",
        "created_at": moment,
        "updated_at": moment,
        "deleted_at": None,
        "deleted_by_id": None,
        "deleted_from": "",
        "version_number": 1,
        "file_name": f"IMG_{number:07d}.{kind[1]}",
        "sha256": hashlib.sha256(f"document {number}".encode()).hexdigest(),
        "mime_type": kind[0],
        "size": int(chance.lognormvariate(14.5, 0.8)),
        "width": 4032 if is_decoded else None,
        "height": 3024 if is_decoded else None,
        "placeholder": "",
        "tagging_state": state[0],
        "tagging_reason_code": state[1],
        "tagging_reason": state[2],
        "tagging_attempts": attempts.get(state[0], 1),
        "tagging_crashes": 2 if state[0] is TaggingState.QUARANTINED else 0,
        "tagging_updated_at": moment,
        "tagging_enqueued_at": None,
        "tagging_not_before": moment + HELD_BACK if state[0] is TaggingState.QUEUED else None,
        "tagging_requested": False,
    }


def _version(document: dict[str, Any]) -> dict[str, Any]:
    shared = ("instance_id", "file_name", "sha256", "mime_type", "size", "created_at")
    return {
        "document_id": document["id"],
        "number": 1,
        "created_by_id": document["owner_id"],
        **{name: document[name] for name in shared},
    }


def _attempt(document: dict[str, Any], attempt_id: int, chance: random.Random) -> dict[str, Any]:
    return {
        "id": attempt_id,
        "instance_id": document["instance_id"],
        "document_id": document["id"],
        "run_id": None,
        "number": document["tagging_attempts"],
        "state": document["tagging_state"],
        "reason_code": document["tagging_reason_code"],
        "reason": document["tagging_reason"],
        "worker": f"worker-{chance.randint(1, 4)}",
        "seconds": round(chance.uniform(0.03, 0.2), 3),
        "finished_at": document["created_at"] + timedelta(seconds=2),
    }


def _assignments(
    library: Library, document: dict[str, Any], attempt_id: int | None, chance: random.Random
) -> Iterator[dict[str, Any]]:
    """Tags of a document, 3 on average over all: Zipf-like, and one tag on a third of the documents."""
    if document["tagging_state"] is not TaggingState.TAGGED:
        return
    number = chance.choices((1, 2, 3, 4, 5, 6), (5, 15, 30, 30, 15, 5))[0]
    tags = dict.fromkeys(chance.choices(library.tags, cum_weights=library.tag_weights, k=number))
    if chance.random() < COMMON_SHARE / 0.84:
        tags[library.common_tag] = None
    for tag_id in tags:
        is_manual = chance.random() < MANUAL_SHARE
        confidence = round(chance.betavariate(2, 3), 4)
        yield assignment(library, document, tag_id, None if is_manual else attempt_id, confidence)


def assignment(
    library: Library, document: dict[str, Any], tag_id: int, attempt_id: int | None, confidence: float
) -> dict[str, Any]:
    is_automatic = attempt_id is not None
    return {
        "instance_id": library.instance_id,
        "document_id": document["id"],
        "tag_id": tag_id,
        "source": AssignmentSource.AUTO if is_automatic else AssignmentSource.MANUAL,
        "provider": "tensorflow" if is_automatic else None,
        "model": MODEL if is_automatic else None,
        "confidence": confidence if is_automatic else None,
        "attempt_id": attempt_id,
        "run_id": None,
        "created_by_id": None if is_automatic else document["owner_id"],
        "created_at": document["created_at"],
    }
