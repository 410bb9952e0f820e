"""Committing what a run has tagged: its automatic tags become ordinary ones, a part at a time."""

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import AssignmentSource, TagAssignment
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.document_tags.assign import commit_tags
from autotag.tagging.runs.lifecycle import load_run

PART = 500
"""Documents of one transaction."""


def commit_run(sessions: sessionmaker[Session], instance_id: int, run_id: int, *, user_id: int | None) -> int:
    """Turn what a run gave into ordinary tags; return how many. Killed anywhere, it can be repeated.

    Each part is a transaction of its own, so that workers are not kept waiting. Raises RunNotFound.
    """
    committed = 0
    with sessions() as session:
        load_run(session, instance_id, run_id)
        while True:
            with unit_of_work(session) as work:
                ids = _next_documents(work.session, run_id)
                changed = commit_tags(work, instance_id, ids, user_id=user_id, run_id=run_id)
            if not changed:
                return committed
            committed += changed


def _next_documents(session: Session, run_id: int) -> list[int]:
    return list(
        session.scalars(
            select(TagAssignment.document_id)
            .where(TagAssignment.run_id == run_id, TagAssignment.source == AssignmentSource.AUTO)
            .distinct()
            .limit(PART)
        )
    )
