"""Writing an attempt's outcome: one short transaction, and only by whoever still holds the claim."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.library import search
from autotag.models import (
    AssignmentSource,
    Document,
    DocumentVersion,
    PredictionSet,
    RunItemState,
    TagAssignment,
    TaggingAttempt,
    TaggingRunItem,
    TaggingState,
)
from autotag.models.base import utc_now
from autotag.models.insertion import insert_new
from autotag.models.names import fold
from autotag.models.tagging_run import item_state
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.pipeline.claims import Claim, rejected_names
from autotag.tagging.pipeline.ended_waits import end_waits
from autotag.tagging.pipeline.file_keywords import keep_keywords
from autotag.tagging.pipeline.finish_claims import REASON_LENGTH, Finished, close_claims
from autotag.tagging.pipeline.outcome import Outcome
from autotag.tagging.policy import Decision, Verdict
from autotag.tagging.tags.create_and_lock import ensure_tags, hold_tags
from autotag.webhooks.outbox import note_documents

Accepted = tuple[Claim, int, Decision]

_NEW_ATTEMPTS = insert(TaggingAttempt).returning(TaggingAttempt.id, sort_by_parameter_order=True)


def record(sessions: sessionmaker[Session], claim: Claim, outcome: Outcome, worker: str) -> bool:
    """Write one outcome; False when the claim was lost meanwhile. See `record_many`."""
    return bool(record_many(sessions, [(claim, outcome)], worker))


def record_many(sessions: sessionmaker[Session], finished: Sequence[Finished], worker: str) -> list[Finished]:
    """Write the outcomes of documents of one instance in one transaction; return those that were written.

    An outcome whose claim was lost is not: somebody else has the document in hand, or a person changed it. What
    providers said in it is kept all the same, as long as a file has the content: it may have been paid for. The
    tags of an earlier attempt that waited for a provider are replaced, so that the outcome is the same whatever
    the order in which providers answered.
    """
    with sessions() as session, unit_of_work(session) as work:
        now = utc_now()
        written = close_claims(work.session, end_waits(work.session, finished), now)
        _close_items(work.session, written, now)
        counted = [pair for pair in written if pair[1].counted]
        keep_keywords(work.session, written)
        if counted:
            attempts = _write_attempts(work.session, counted, worker)
            _store_predictions(work.session, counted)
            held = _hold_tags(work.session, counted)
            _remove_provisional_tags(work.session, counted, attempts)
            _assign(work.session, counted, attempts, held)
            search.refresh(
                work.session, [claim.document_id for claim, outcome in counted if outcome.decisions]
            )
        lost = _still_of_use(work.session, [pair for pair in finished if pair not in written])
        if lost:
            _store_predictions(work.session, lost)
        if written:
            states = {claim.document_id: outcome.state for claim, outcome in written}
            note_documents(work.session, written[0][0].instance_id, states)
    return written


def _write_attempts(session: Session, counted: Sequence[Finished], worker: str) -> list[int]:
    """Write a row for each attempt; return their ids in the same order."""
    rows = [
        {
            "instance_id": claim.instance_id,
            "document_id": claim.document_id,
            "run_id": claim.run_id,
            "number": claim.attempt,
            "state": outcome.state,
            "reason_code": outcome.reason_code,
            "reason": outcome.reason[:REASON_LENGTH],
            "worker": worker,
            "seconds": outcome.seconds,
        }
        for claim, outcome in counted
    ]
    return list(session.scalars(_NEW_ATTEMPTS, rows))


def _close_items(session: Session, written: Sequence[Finished], now: datetime) -> None:
    """Note in their runs what is done. The time is that of the document's state: so an undo knows it again."""
    ended: dict[tuple[int, RunItemState], list[int]] = {}
    for claim, outcome in written:
        if claim.run_id is not None and outcome.state.is_final:
            ended.setdefault((claim.run_id, item_state(outcome.state)), []).append(claim.document_id)
    for (run_id, state), document_ids in ended.items():
        session.execute(
            update(TaggingRunItem)
            .where(TaggingRunItem.run_id == run_id, TaggingRunItem.document_id.in_(document_ids))
            .values(state=state, finished_at=now)
            .execution_options(synchronize_session=False)
        )


def _remove_provisional_tags(session: Session, counted: Sequence[Finished], attempts: Sequence[int]) -> None:
    again = [claim.document_id for claim, outcome in counted if claim.attempt > 1 and outcome.judged]
    if not again:
        return
    waiting = select(TaggingAttempt.id).where(
        TaggingAttempt.document_id.in_(again),
        TaggingAttempt.state == TaggingState.QUEUED,
        TaggingAttempt.id.not_in(attempts),
    )
    session.execute(
        delete(TagAssignment)
        .where(
            TagAssignment.document_id.in_(again),
            TagAssignment.source == AssignmentSource.AUTO,
            TagAssignment.attempt_id.in_(waiting),
        )
        .execution_options(synchronize_session=False)
    )


def _store_predictions(session: Session, counted: Sequence[Finished]) -> None:
    now = utc_now()
    rows = [
        {
            "instance_id": claim.instance_id,
            "sha256": claim.sha256,
            "provider": predictions.provider,
            "model": predictions.model,
            "model_version": predictions.model_version,
            "runtime": predictions.runtime,
            "predictions": [[name, round(score, 6)] for name, score in predictions.pairs],
            "created_at": now,
        }
        for claim, outcome in counted
        for predictions in outcome.predictions
    ]
    insert_new(session, PredictionSet.__table__, rows)


def _still_of_use(session: Session, lost: Sequence[Finished]) -> list[Finished]:
    """Return those lost outcomes in which providers said something about content that the instance still has."""
    said = [pair for pair in lost if pair[1].predictions]
    if not said:
        return []
    hashes = [claim.sha256 for claim, _ in said]
    there = set(
        session.scalars(
            select(DocumentVersion.sha256).where(
                DocumentVersion.instance_id == said[0][0].instance_id, DocumentVersion.sha256.in_(hashes)
            )
        )
    ) | set(
        session.scalars(
            select(Document.sha256).where(
                Document.instance_id == said[0][0].instance_id, Document.sha256.in_(hashes)
            )
        )
    )
    return [pair for pair in said if pair[0].sha256 in there]


def _hold_tags(session: Session, counted: Sequence[Finished]) -> dict[str, int]:
    """Take hold of all tags that are there before assignments are touched, as everywhere; see `tag_creation`."""
    names = {
        decision.name
        for _, outcome in counted
        for decision in outcome.decisions
        if decision.verdict is Verdict.ACCEPTED
    }
    return hold_tags(session, counted[0][0].instance_id, names)


def _assign(
    session: Session, counted: Sequence[Finished], attempts: Sequence[int], held: Mapping[str, int]
) -> None:
    """Write the accepted tags, of which those that are `held` were there. What a person took off while the image was in
    hand is not among them, and what a person added by hand meanwhile stays manual."""
    removed = rejected_names(session, [claim.document_id for claim, _ in counted])
    accepted = [
        (claim, attempt_id, decision)
        for (claim, outcome), attempt_id in zip(counted, attempts, strict=True)
        for decision in outcome.decisions
        if decision.verdict is Verdict.ACCEPTED
        and fold(decision.name) not in removed.get(claim.document_id, ())
    ]
    now = utc_now()
    tag_ids: dict[str, int] = {}
    for run_id, of_run in _by_run(accepted):
        names = [decision.name for *_, decision in of_run]
        tag_ids |= ensure_tags(session, of_run[0][0].instance_id, names, run_id=run_id, held=held)
    rows: list[dict[str, object]] = [
        {
            "instance_id": claim.instance_id,
            "document_id": claim.document_id,
            "tag_id": tag_ids[fold(decision.name)],
            "source": AssignmentSource.AUTO,
            "provider": decision.candidate.provider,
            "model": decision.candidate.model,
            "confidence": round(decision.candidate.confidence, 6),
            "attempt_id": attempt_id,
            "run_id": claim.run_id,
            "created_at": now,
        }
        for claim, attempt_id, decision in accepted
    ]
    insert_new(session, TagAssignment.__table__, rows)


def _by_run(accepted: Sequence[Accepted]) -> Iterable[tuple[int | None, list[Accepted]]]:
    """Group by run; documents of several runs, and of none, may be in one hand."""
    groups: dict[int | None, list[Accepted]] = {}
    for one in accepted:
        groups.setdefault(one[0].run_id, []).append(one)
    return groups.items()
