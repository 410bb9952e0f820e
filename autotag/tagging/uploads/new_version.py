"""What a new version of a file means for its tags."""

from sqlalchemy import delete, false, or_, select, true
from sqlalchemy.orm import Session

from autotag.configuration.effective import load_tagging_settings
from autotag.configuration.entries import ASSET_AUTO_TAGGING
from autotag.configuration.store import Place, resolve
from autotag.media.library import search
from autotag.models import AssignmentSource, Document, TagAssignment, TaggingAttempt, TaggingState
from autotag.models.base import utc_now
from autotag.models.unit_of_work import UnitOfWork


def tag_new_version(work: UnitOfWork, document: Document) -> None:
    """Queue a document whose content is new, so that its pictures are made.

    With Update Auto Tags on its automatic tags go and it is tagged again; with it off, or while nothing would tag
    it, its tags stay, and one without any is tagged as an upload is. A document on its way in a run stays in it:
    somebody asked for its tags. Whoever has the former content in hand loses the claim.
    """
    renews = _renews_tags(work.session, document.instance_id)
    _remove_automatic_tags(work.session, document, all_of_them=renews)
    if document.tagging_state.is_final:
        document.tagging_run_id, document.tagging_requested = None, False
    document.tagging_requested = document.tagging_requested or renews
    document.tagging_state = TaggingState.QUEUED
    document.tagging_reason_code = document.tagging_reason = ""
    document.tagging_attempts = document.tagging_crashes = document.tagging_worker_deaths = 0
    document.tagging_claim = document.tagging_lease_until = document.tagging_not_before = None
    document.tagging_updated_at = document.tagging_enqueued_at = utc_now()
    work.session.flush()


def _renews_tags(session: Session, instance_id: int) -> bool:
    values = resolve(session, Place.of(ASSET_AUTO_TAGGING, instance_id)).values
    return bool(values["update_auto_tags"]) and not load_tagging_settings(session, instance_id).refusal


def _remove_automatic_tags(session: Session, document: Document, *, all_of_them: bool) -> None:
    """Remove what providers said of the former content: all of it, or what still waited for another provider."""
    waiting = select(TaggingAttempt.id).where(
        TaggingAttempt.document_id == document.id, TaggingAttempt.state == TaggingState.QUEUED
    )
    removed = session.execute(
        delete(TagAssignment)
        .where(
            TagAssignment.document_id == document.id,
            TagAssignment.source == AssignmentSource.AUTO,
            or_(true() if all_of_them else false(), TagAssignment.attempt_id.in_(waiting)),
        )
        .returning(TagAssignment.id)
        .execution_options(synchronize_session=False)
    ).all()
    if removed:
        search.refresh(session, [document.id])
