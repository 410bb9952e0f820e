from sqlalchemy.orm import Session

from autotag.configuration.entries import TENSORFLOW, UPLOADS
from autotag.configuration.model_use import ALL_INSTANCES, users_of_model
from autotag.models import ConfigurationRecord, Level
from autotag.models.unit_of_work import unit_of_work
from tests.unit.conftest import Factory


def test_whoever_has_chosen_a_model_is_named(session: Session, make: Factory) -> None:
    zoo, acme, other = make.instance("zoo"), make.instance("acme"), make.instance("other")
    with unit_of_work(session) as work:
        work.session.add_all(
            [
                ConfigurationRecord(
                    entry=TENSORFLOW.key, level=Level.DEFAULT, instance_id=None, values={"model": "birds"}
                ),
                *(
                    ConfigurationRecord(
                        entry=entry.key,
                        level=Level.INSTANCE,
                        instance_id=instance.id,
                        values={"model": model},
                    )
                    for entry, instance, model in (
                        (TENSORFLOW, zoo, "birds"),
                        (TENSORFLOW, acme, "birds"),
                        (TENSORFLOW, other, "trees"),
                        (UPLOADS, other, "birds"),
                    )
                ),
            ]
        )
    assert users_of_model(session, "birds") == [ALL_INSTANCES, "acme", "zoo"]
    assert users_of_model(session, "trees") == ["other"]
    assert users_of_model(session, "stars") == []
