"""Untag and commit for a whole instance. The pages' tests say what comes of it."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import AssignmentSource, AuditEvent, BulkActionState
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk.actions import BulkKind
from autotag.tagging.bulk.whole_instance import AutomaticTags, count_automatic_tags, start_for_everything
from tests.unit.conftest import Factory


@pytest.mark.parametrize("kind", [BulkKind.UNTAG, BulkKind.COMMIT])
def test_what_was_counted_is_what_changes(
    sessions: sessionmaker[Session], make: Factory, kind: BulkKind
) -> None:
    acme, globex = make.instance(), make.instance()
    for instance in (acme, globex):
        make.tag(make.document(instance), "tabby", source=AssignmentSource.AUTO, confidence=0.8)
        make.tag(make.document(instance), "mine")
        binned = make.document(instance, deleted_at=utc_now())
        make.tag(binned, "in the bin", source=AssignmentSource.AUTO, confidence=0.8)
    with sessions() as session, unit_of_work(session) as work:
        assert count_automatic_tags(session, acme.id) == AutomaticTags(1, 1)
        action = start_for_everything(work, acme.id, kind, user_id=None, actor="eva")
        assert action.state is BulkActionState.FINISHED
    with sessions() as session:
        assert count_automatic_tags(session, acme.id) == AutomaticTags(0, 0)
        assert count_automatic_tags(session, globex.id) == AutomaticTags(1, 1)
        assert session.scalars(select(AuditEvent.changes)).one() == [["Automatic tags", 1, 0]]
