import pytest
from sqlalchemy.orm import Session

from autotag.media.library.query import DocumentQuery, Selection
from autotag.models import AssignmentSource, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.document_tags.assign import add_tags
from autotag.tagging.tags.counts import TagCount, count_chosen, count_tags
from tests.unit.conftest import Factory


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


def test_tags_are_told_apart_by_whether_all_or_some_have_them(
    session: Session, make: Factory, acme: VirtualInstance
) -> None:
    first, second, third = (make.document(acme) for _ in range(3))
    make.tag(first, "dog", source=AssignmentSource.AUTO, confidence=0.9)
    with unit_of_work(session) as work:
        add_tags(work, acme.id, [first.id, second.id], ["Cat"], user_id=None)
        add_tags(work, acme.id, [third.id], ["Other"], user_id=None)
    counts = count_tags(session, acme.id, Selection(ids=(first.id, second.id)))
    assert counts.total == 2
    assert counts.on_all == (TagCount("Cat", 2, 0),)
    assert counts.on_some == (TagCount("dog", 1, 1),)


def test_all_that_match_are_counted_up_to_what_the_person_saw(
    session: Session, make: Factory, acme: VirtualInstance
) -> None:
    seen = make.document(acme)
    make.document(acme)
    everything = Selection(query=DocumentQuery())
    assert count_chosen(session, acme.id, everything) == 2
    assert count_chosen(session, acme.id, everything, seen.id) == 1
    assert count_tags(session, acme.id, everything, seen.id).total == 1


def test_documents_of_another_instance_are_not_counted(
    session: Session, make: Factory, acme: VirtualInstance
) -> None:
    theirs = make.document(make.instance("globex"))
    make.tag(theirs, "secret")
    counts = count_tags(session, acme.id, Selection(ids=(theirs.id,)))
    assert (counts.total, counts.tags) == (0, ())
