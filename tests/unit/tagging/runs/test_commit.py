import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import AssignmentSource, RunScope, RunState, TagAssignment, TaggingRun
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.runs import commit as run_commit
from autotag.tagging.runs.commit import commit_run
from autotag.tagging.runs.lifecycle import RunNotFound
from tests.unit.conftest import Factory


def test_what_a_run_gave_becomes_ordinary_in_parts_and_nothing_else(
    sessions: sessionmaker[Session], make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_commit, "PART", 2)
    acme = make.instance()
    documents = [make.document(acme) for _ in range(5)]
    for document in documents:
        make.tag(document, f"of the run {document.id}", source=AssignmentSource.AUTO, confidence=0.9)
    with sessions() as session, unit_of_work(session) as work:
        run = TaggingRun(instance_id=acme.id, scope=RunScope.ALL, state=RunState.FINISHED, total=5)
        work.session.add(run)
        work.session.flush()
        work.session.execute(update(TagAssignment).values(run_id=run.id))
    make.tag(documents[0], "of the upload", source=AssignmentSource.AUTO, confidence=0.9)
    assert commit_run(sessions, acme.id, run.id, user_id=None) == 5
    assert commit_run(sessions, acme.id, run.id, user_id=None) == 0
    with sessions() as session:
        left = session.scalars(
            select(TagAssignment.document_id).where(TagAssignment.source == AssignmentSource.AUTO)
        )
        assert left.all() == [documents[0].id]
    with pytest.raises(RunNotFound):
        commit_run(sessions, make.instance().id, run.id, user_id=None)
