from sqlalchemy.orm import Session, sessionmaker

from autotag.models import (
    BulkAction,
    BulkActionState,
    RunItemState,
    RunScope,
    RunState,
    TaggingRun,
    TaggingRunItem,
    TaggingState,
)
from autotag.models.unit_of_work import unit_of_work
from autotag.operations.in_progress import unfinished_actions, unfinished_runs
from tests.unit.conftest import Factory


def test_runs_that_are_not_done_are_told_with_how_far_they_are(
    session: Session, sessions: sessionmaker[Session], make: Factory
) -> None:
    acme, globex = make.instance("acme"), make.instance("globex")
    states = [RunItemState.DONE, RunItemState.FAILED, RunItemState.QUEUED, RunItemState.WAITING]
    documents = [make.document(acme) for _ in states]
    with sessions() as opened, unit_of_work(opened) as work:
        runs = [
            TaggingRun(instance_id=acme.id, scope=RunScope.ALL, state=state, total=4) for state in RunState
        ]
        work.session.add_all([*runs, TaggingRun(instance_id=globex.id, scope=RunScope.ALL)])
        work.session.flush()
        work.session.add_all(
            TaggingRunItem(
                instance_id=acme.id,
                run_id=runs[0].id,
                document_id=document.id,
                state=state,
                previous_state=TaggingState.TAGGED,
            )
            for document, state in zip(documents, states, strict=True)
        )
    found = unfinished_runs(session, acme.id)
    assert [(run.is_paused, run.done, run.total) for run in found] == [(True, 4, 4), (False, 2, 4)]
    assert len(unfinished_runs(session, None)) == 3


def test_bulk_actions_that_are_not_done_are_told(
    session: Session, sessions: sessionmaker[Session], make: Factory
) -> None:
    acme, globex = make.instance("acme"), make.instance("globex")
    with sessions() as opened, unit_of_work(opened) as work:
        for instance in (acme, globex):
            for state in BulkActionState:
                work.session.add(
                    BulkAction(
                        instance_id=instance.id,
                        kind="move",
                        selection={},
                        parameters={},
                        state=state,
                        done=3,
                        total=9,
                    )
                )
    (action,) = unfinished_actions(session, acme.id)
    assert (action.kind, action.done, action.total) == ("move", 3, 9)
    assert len(unfinished_actions(session, None)) == 2
