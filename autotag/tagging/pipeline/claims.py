"""Who works on which document: claims by conditional update, with a lease, in short transactions.

The database is the truth about what is untagged; the broker only transports. A claim is taken with one UPDATE
that matches a queued document and at most one worker; it is given up with one that matches the same claim.
So a job may run twice, be late, or die anywhere.
"""

import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    bindparam,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import (
    AssignmentSource,
    ConfigurationState,
    Document,
    PredictionSet,
    ProviderStatus,
    Tag,
    TagAssignment,
    TaggingAttempt,
    TaggingState,
    TagRejection,
)
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.pipeline.deaths import HAS_DEATHS
from autotag.tagging.pipeline.outcome import Predictions
from autotag.tagging.provider_health.circuit_breaker import troubled_providers
from autotag.tagging.provider_health.process_breaker import is_process_disabled

LEASE = timedelta(seconds=120)
"""How long a claim lasts without a renewal; a worker renews what it has in hand (`leases`), however long that takes."""

_CONFIGURATION_VERSION = (
    select(func.coalesce(func.max(ConfigurationState.version), 0))
    .scalar_subquery()
    .label("configuration_version")
)

# What every claim asks is put together once: done each time, that was a third of what a claim took.
_TAKE_ALONE = (
    update(Document)
    .where(
        Document.owned_by(bindparam("the_instance")),
        Document.id.in_(bindparam("the_documents", expanding=True)),
        Document.tagging_state == TaggingState.QUEUED,
        Document.deleted_at.is_(None),
        or_(Document.tagging_not_before.is_(None), Document.tagging_not_before <= bindparam("this_moment")),
    )
    .values(
        tagging_state=TaggingState.RUNNING,
        tagging_attempts=Document.tagging_attempts + 1,
        tagging_claim=bindparam("the_claim"),
        tagging_lease_until=bindparam("the_lease"),
        tagging_updated_at=bindparam("this_moment"),
    )
    .returning(
        Document.id,
        Document.tagging_attempts,
        Document.sha256,
        Document.mime_type,
        Document.file_name,
        Document.tagging_crashes,
        Document.tagging_requested,
        Document.tagging_run_id,
        Document.width,
        _CONFIGURATION_VERSION,
    )
    .execution_options(synchronize_session=False)
)
_TAKE = _TAKE_ALONE.where(~HAS_DEATHS)

_EXISTING_NAMES = (
    select(TagAssignment.document_id, Tag.normalized_name, TagAssignment.source)
    .join(Tag, TagAssignment.tag_id == Tag.id)
    .outerjoin(TaggingAttempt, TaggingAttempt.id == TagAssignment.attempt_id)
    .where(
        TagAssignment.document_id.in_(bindparam("the_documents", expanding=True)),
        or_(
            TagAssignment.source != AssignmentSource.AUTO,
            TaggingAttempt.id.is_(None),
            TaggingAttempt.state != TaggingState.QUEUED,
        ),
    )
)
_REJECTED_NAMES = select(TagRejection.document_id, TagRejection.normalized_name).where(
    TagRejection.document_id.in_(bindparam("the_documents", expanding=True))
)
_KNOWN_PREDICTIONS = select(
    PredictionSet.sha256,
    PredictionSet.provider,
    PredictionSet.model,
    PredictionSet.model_version,
    PredictionSet.runtime,
    PredictionSet.predictions,
).where(
    PredictionSet.instance_id == bindparam("the_instance"),
    PredictionSet.sha256.in_(bindparam("the_hashes", expanding=True)),
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a provider of the instance may not be asked now; `retry_at` is when it may, if that is known."""

    status: ProviderStatus
    reason: str
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A document in one worker's hand, with all that tagging needs to know of it.

    `existing` and `rejected` are folded names; tags of an attempt that still waits for a provider are not
    among the existing ones, because this attempt decides on them anew; `automatic` is how many of the existing
    ones a provider put there, `from_file` how many the file brought. `known` is what providers have said of the
    same bytes, by provider, model and model version. `crashes` counts the inference processes that died on it so far.
    `requested` says that a person asked for tags, `run_id` in which run; `is_decoded` that the facts of the image
    are noted already. `made_at` is in seconds of the monotonic clock, from before anything was read for it.
    """

    instance_id: int
    document_id: int
    token: str
    attempt: int
    sha256: str
    mime_type: str
    file_name: str
    configuration_version: int
    existing: frozenset[str]
    rejected: frozenset[str]
    automatic: int = 0
    from_file: int = 0
    requested: bool = False
    run_id: int | None = None
    is_decoded: bool = False
    crashes: int = 0
    process_disabled: bool = False
    made_at: float = 0.0
    troubles: Mapping[str, Trouble] = field(default_factory=dict)
    known: Mapping[tuple[str, str, str], Predictions] = field(default_factory=dict)


def claim(sessions: sessionmaker[Session], instance_id: int, document_id: int, worker: str) -> Claim | None:
    """Take a queued document. None when it is not queued (any more), is held back, or is gone."""
    return next(iter(claim_many(sessions, instance_id, [document_id], worker, alone=True)), None)


def new_token(worker: str) -> str:
    """Return what is to tell one claim of a worker from every other."""
    return f"{worker}/{secrets.token_hex(8)}"


def claim_many(
    sessions: sessionmaker[Session],
    instance_id: int,
    document_ids: Sequence[int],
    worker: str,
    *,
    alone: bool = False,
    token: str | None = None,
) -> list[Claim]:
    """Take those of some documents that are queued, in one transaction, in the order given.

    One on which a process or a worker has died is taken only with `alone`, by which the caller promises to have
    nothing else in hand: so if it kills again, nothing else is hit. `token` is one of `new_token`, for a caller that
    has to know it also if this raises.
    """
    token = token or new_token(worker)
    made_at = time.monotonic()
    with sessions() as session, unit_of_work(session) as work:
        now = utc_now()
        together = {
            "the_instance": instance_id,
            "the_documents": document_ids,
            "the_claim": token,
            "this_moment": now,
            "the_lease": now + LEASE,
        }
        rows = work.session.execute(_TAKE_ALONE if alone else _TAKE, together).all()
        if not rows:
            return []
        common: dict[str, Any] = {
            "made_at": made_at,
            "process_disabled": is_process_disabled(work.session),
            "troubles": _troubles(work.session, instance_id),
        }
        claims = _claims_of(work.session, instance_id, token, rows, common)
    return [claims[document_id] for document_id in document_ids if document_id in claims]


def _claims_of(
    session: Session, instance_id: int, token: str, rows: Sequence[Any], common: Mapping[str, Any]
) -> dict[int, Claim]:
    """Return the claims by document, each with what is known of it."""
    ids = [row.id for row in rows]
    existing = _existing_names(session, ids)
    rejected = rejected_names(session, ids)
    known = _known_predictions(session, instance_id, {row.sha256 for row in rows})
    return {
        row.id: Claim(
            instance_id,
            row.id,
            token,
            attempt=row.tagging_attempts,
            sha256=row.sha256,
            mime_type=row.mime_type,
            file_name=row.file_name,
            configuration_version=row.configuration_version,
            crashes=row.tagging_crashes,
            existing=frozenset(name for name, _ in existing.get(row.id, ())),
            automatic=sum(source is AssignmentSource.AUTO for _, source in existing.get(row.id, ())),
            from_file=sum(source is AssignmentSource.FILE for _, source in existing.get(row.id, ())),
            requested=row.tagging_requested,
            run_id=row.tagging_run_id,
            is_decoded=row.width is not None,
            rejected=frozenset(rejected.get(row.id, ())),
            known=known.get(row.sha256, {}),
            **common,
        )
        for row in rows
    }


def have_deaths(sessions: sessionmaker[Session], instance_id: int, document_ids: Sequence[int]) -> list[int]:
    """Return those of some documents that are queued and have to be taken alone."""
    with sessions() as session:
        return list(
            session.scalars(
                select(Document.id).where(
                    Document.owned_by(instance_id),
                    Document.id.in_(document_ids),
                    Document.tagging_state == TaggingState.QUEUED,
                    HAS_DEATHS,
                )
            )
        )


def _existing_names(
    session: Session, document_ids: Sequence[int]
) -> dict[int, list[tuple[str, AssignmentSource]]]:
    names: dict[int, list[tuple[str, AssignmentSource]]] = {}
    for document_id, name, source in session.execute(_EXISTING_NAMES, {"the_documents": document_ids}):
        names.setdefault(document_id, []).append((name, source))
    return names


def rejected_names(session: Session, document_ids: Sequence[int]) -> dict[int, list[str]]:
    """Return the folded names that people took off documents, by document."""
    names: dict[int, list[str]] = {}
    for document_id, name in session.execute(_REJECTED_NAMES, {"the_documents": document_ids}):
        names.setdefault(document_id, []).append(name)
    return names


def _troubles(session: Session, instance_id: int) -> dict[str, Trouble]:
    return {
        name: Trouble(state.status, state.reason, state.retry_at)
        for name, state in troubled_providers(session, instance_id).items()
    }


def _known_predictions(
    session: Session, instance_id: int, hashes: Collection[str]
) -> dict[str, dict[tuple[str, str, str], Predictions]]:
    wanted = {"the_instance": instance_id, "the_hashes": list(hashes)}
    known: dict[str, dict[tuple[str, str, str], Predictions]] = {}
    for sha256, *who, runtime, pairs in session.execute(_KNOWN_PREDICTIONS, wanted):
        provider, model, version = who
        said = tuple((str(name), float(score)) for name, score in pairs)
        predictions = Predictions(provider, model, version, runtime, said)
        known.setdefault(sha256, {})[provider, model, version] = predictions
    return known
