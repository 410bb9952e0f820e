"""What is noted of a bulk action's parts: taken back from the last to the first, each once."""

import pytest
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import BulkAction, Document, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk.change_log import NOTED, count_noted, note, take_part_back
from autotag.tagging.document_tags.assign import add_tags
from autotag.tagging.document_tags.change_log import TagChanges
from tests.unit.conftest import Factory


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


def test_parts_are_taken_back_from_the_last_on(
    sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance
) -> None:
    action = make._save(BulkAction(instance_id=acme.id, kind="edit_tags", selection={}, parameters={}))
    documents: list[Document] = [make.document(acme) for _ in range(3)]
    with sessions() as session, unit_of_work(session) as work:
        held = session.get_one(BulkAction, action.id)
        note(session, held, TagChanges())
        assert NOTED not in held.parameters
        for some in (documents[:2], documents[2:]):
            changes = TagChanges()
            add_tags(work, acme.id, [one.id for one in some], ["cat"], user_id=None, changes=changes)
            note(session, held, changes)
        assert held.parameters[NOTED]
    with sessions() as session, unit_of_work(session) as work:
        assert count_noted(session, action.id) == 3
        assert [take_part_back(session, action.id) for _ in range(3)] == [1, 2, None]
        assert count_noted(session, action.id) == 0
