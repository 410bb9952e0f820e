from sqlalchemy.orm import Session

from autotag.models import TaggingAttempt, TaggingState
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.document_tags.history import LISTED_AT_MOST, attempts_of
from tests.unit.conftest import Factory


def test_the_latest_attempts_of_one_document_come_first_and_not_too_many(
    session: Session, make: Factory
) -> None:
    acme = make.instance("acme")
    document, other = make.document(acme), make.document(acme)
    with unit_of_work(session) as work:
        for number in range(LISTED_AT_MOST + 3):
            for one in (document, other):
                work.session.add(
                    TaggingAttempt(
                        instance_id=acme.id,
                        document_id=one.id,
                        number=number + 1,
                        state=TaggingState.FAILED,
                    )
                )
    found = attempts_of(session, acme.id, document.id)
    assert [attempt.number for attempt in found] == list(range(LISTED_AT_MOST + 3, 3, -1))
    assert {attempt.document_id for attempt in found} == {document.id}
    assert attempts_of(session, make.instance().id, document.id) == []
