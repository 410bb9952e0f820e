"""Documents that are put back to wait for what has ended while they were in hand.

Whoever enables the TensorFlow process again or resumes a provider lets the documents go on that wait for it, and cannot
see those that a worker is about to put back: they would rest for as long as the wait was meant to take.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.models import ProviderState
from autotag.tagging.pipeline.finish_claims import Finished
from autotag.tagging.provider_health.process_breaker import PROCESS_DISABLED, is_process_disabled


def end_waits(session: Session, finished: Sequence[Finished]) -> list[Finished]:
    """Return the outcomes of documents of one instance, without the waits for a trouble that is over.

    Nobody ends the others before the transaction does. To be called before documents are held, because whoever ends
    a trouble holds it first and its documents then.
    """
    troubles = {outcome.trouble for _, outcome in finished if outcome.trouble}
    if not troubles:
        return list(finished)
    there = _still_there(session, finished[0][0].instance_id, troubles)
    return [
        (claim, outcome if outcome.trouble in there else replace(outcome, not_before=None))
        for claim, outcome in finished
    ]


def _still_there(session: Session, instance_id: int, troubles: set[str]) -> set[str]:
    """Return which troubles there are, and hold them. The empty one is never over."""
    providers = (
        select(ProviderState.provider)
        .where(ProviderState.instance_id == instance_id, ProviderState.provider.in_(troubles))
        .order_by(ProviderState.id)
        .with_for_update(read=True)
    )
    there = {"", *session.scalars(providers)}
    if PROCESS_DISABLED in troubles and is_process_disabled(session, hold=True):
        there.add(PROCESS_DISABLED)
    return there
