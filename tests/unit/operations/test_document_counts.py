from sqlalchemy.orm import Session

from autotag.models import TaggingState
from autotag.models.base import utc_now
from autotag.operations.document_counts import count_states, still_open
from tests.unit.conftest import Factory


def test_every_state_is_counted_of_one_instance_outside_the_bin(session: Session, make: Factory) -> None:
    acme, globex = make.instance(), make.instance()
    make.document(acme)
    make.document(acme, tagging_state=TaggingState.TAGGED)
    make.document(acme, tagging_state=TaggingState.TAGGED, deleted_at=utc_now())
    make.document(globex)
    counts = count_states(session, acme.id)
    assert set(counts) == set(TaggingState)
    assert {state: number for state, number in counts.items() if number} == {
        TaggingState.QUEUED: 1,
        TaggingState.TAGGED: 1,
    }


def test_what_is_on_its_way_is_told(session: Session, make: Factory) -> None:
    acme = make.instance()
    queued = make.document(acme)
    running = make.document(acme, tagging_state=TaggingState.RUNNING)
    make.document(acme, tagging_state=TaggingState.FAILED)
    make.document(make.instance())
    later = make.document(acme)
    assert still_open(session, acme.id, queued.id, later.id - 1) == {queued.id, running.id}
