"""Trying failed and quarantined documents again: one of them, or all that failed for the same reason."""

from dataclasses import dataclass

from sqlalchemy import select, update

from autotag.instances.audit import audit
from autotag.media.errors import DocumentNotFound
from autotag.media.library.query import DocumentQuery, Selection, select_ids
from autotag.models import Document, RunScope, TaggingRun, TaggingState
from autotag.models.unit_of_work import UnitOfWork
from autotag.tagging.pipeline.deaths import HAS_DEATHS, NO_DEATHS
from autotag.tagging.runs.lifecycle import start_run

RETRIED = (TaggingState.FAILED, TaggingState.QUARANTINED)

HOPELESS = frozenset({"not_an_image"})
"""Reasons that lie in the file itself: its content is no image, however often it is looked at."""


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks. `user_id` is None for somebody of another instance: then the audit trail names them."""

    email: str
    user_id: int | None


class NothingToRetry(Exception):
    """The documents are not failed or quarantined any more."""


def retry_document(work: UnitOfWork, instance_id: int, document_id: int, requester: Requester) -> TaggingRun:
    """Start a run over one document. Raises DocumentNotFound and NothingToRetry."""
    row = work.session.execute(
        select(Document.title, Document.tagging_state).where(
            Document.instance_id == instance_id, Document.id == document_id, Document.deleted_at.is_(None)
        )
    ).one_or_none()
    if row is None:
        raise DocumentNotFound(document_id)
    if row.tagging_state not in RETRIED:
        raise NothingToRetry
    return _retry(work, instance_id, Selection(ids=(document_id,)), f"Retry of {row.title}", requester)


def retry_reason(
    work: UnitOfWork, instance_id: int, state: TaggingState, code: str, requester: Requester
) -> TaggingRun:
    """Start a run over the documents that are failed or quarantined for a reason. Raises NothingToRetry."""
    if state not in RETRIED or code in HOPELESS:
        raise NothingToRetry
    query = DocumentQuery(state=state, reason_code=code)
    found = work.session.scalar(select_ids(work.session, instance_id, query).limit(1))
    if found is None:
        raise NothingToRetry
    return _retry(
        work, instance_id, Selection(query=query), f"Retry: {state}, {code.replace('_', ' ')}", requester
    )


def _retry(
    work: UnitOfWork, instance_id: int, selection: Selection, covers: str, requester: Requester
) -> TaggingRun:
    chosen = selection.select_ids(work.session, instance_id)
    # Otherwise its earlier deaths would quarantine it at the next one, or keep it from ever being tried.
    work.session.execute(
        update(Document)
        .where(Document.owned_by(instance_id), Document.id.in_(chosen), HAS_DEATHS)
        .values(**NO_DEATHS)
        .execution_options(synchronize_session=False)
    )
    if requester.user_id is None:
        audit(work.session, instance_id, requester.email, "tagging retried", covers[:255])
    return start_run(
        work,
        instance_id,
        scope=RunScope.SELECTION,
        selection=selection,
        covers=covers[:255],
        user_id=requester.user_id,
    )
