"""What a unique constraint refuses is answered in words; what another constraint refuses is not."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from autotag.models import Folder, VirtualInstance
from autotag.models.uniqueness import refused_when_taken
from autotag.models.unit_of_work import unit_of_work
from tests.unit.conftest import Factory


class Taken(Exception):
    pass


def test_a_name_that_is_taken_is_refused_in_words_and_the_transaction_goes_on(
    session: Session, make: Factory
) -> None:
    make.instance("acme")
    with unit_of_work(session) as work:
        with pytest.raises(Taken), refused_when_taken(work.session, Taken):
            work.session.add(VirtualInstance(web_id="acme", virtual_host="other"))
        work.session.add(VirtualInstance(web_id="globex", virtual_host="globex"))
    assert sorted(session.scalars(select(VirtualInstance.web_id))) == ["acme", "globex"]


def test_without_a_reason_the_databases_error_is_raised(session: Session, make: Factory) -> None:
    make.instance("acme")
    with (
        pytest.raises(IntegrityError),
        unit_of_work(session) as work,
        refused_when_taken(work.session, lambda: None),
    ):
        work.session.add(VirtualInstance(web_id="acme", virtual_host="other"))


def test_another_constraint_is_not_taken_for_a_name(session: Session, make: Factory) -> None:
    acme = make.instance("acme")
    with (
        pytest.raises(IntegrityError),
        unit_of_work(session) as work,
        refused_when_taken(work.session, Taken),
    ):
        work.session.add(Folder(instance_id=acme.id, parent_id=4711, name="photos", normalized_name="photos"))
