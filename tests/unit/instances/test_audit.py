from sqlalchemy.orm import Session

from autotag.instances.audit import audit, list_events
from tests.unit.conftest import Factory


def subjects(session: Session, instance_id: int, **options: object) -> list[str]:
    wanted = {"include_installation": False, "before_id": None} | options
    return [event.subject for event in list_events(session, instance_id, **wanted)]


def test_events_are_read_newest_first_for_one_instance(session: Session, make: Factory) -> None:
    ours, theirs = make.instance(), make.instance()
    for instance_id, subject in ((ours.id, "first"), (theirs.id, "theirs"), (None, "all"), (ours.id, "last")):
        audit(session, instance_id, "eva", "user created", subject)
    assert subjects(session, ours.id) == ["last", "first"]
    assert subjects(session, ours.id, include_installation=True) == ["last", "all", "first"]
    assert subjects(session, ours.id, limit=1) == ["last"]


def test_events_are_read_on_from_an_id(session: Session, make: Factory) -> None:
    instance = make.instance()
    for number in range(3):
        audit(session, instance.id, "eva", "user created", str(number))
    newest = list_events(session, instance.id, include_installation=False, before_id=None, limit=1)
    assert subjects(session, instance.id, before_id=newest[0].id) == ["1", "0"]
