from sqlalchemy.orm import Session

from autotag.configuration.entries import TENSORFLOW
from autotag.configuration.secret_box import SecretBox
from autotag.configuration.store import Place, Submission, save
from autotag.inference.store import ModelStore
from autotag.models import TaggingState
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.first_run import first_run
from tests.unit.conftest import Factory


def test_a_new_instance_has_all_steps_before_it(session: Session, make: Factory, models: ModelStore) -> None:
    steps = first_run(session, make.instance().id, models)
    assert (steps.model_ready, steps.provider_enabled, steps.photograph_tagged) == (False, False, False)
    assert steps.refusal == "No image auto tagging provider is enabled."


def test_each_step_is_seen(session: Session, make: Factory, models: ModelStore) -> None:
    instance = make.instance()
    texts = {"enabled": "true", "model": "toy", "confidence_threshold": "0.1"}
    with unit_of_work(session) as work:
        save(
            work,
            Place.of(TENSORFLOW, instance.id),
            Submission(texts, "eva"),
            box=SecretBox(["key"]),
            choices={"installed-models": [("toy", "Toy")]},
        )
    make.document(make.instance(), tagging_state=TaggingState.TAGGED)
    steps = first_run(session, instance.id, models)
    assert (steps.model_ready, steps.provider_enabled, steps.photograph_tagged) == (True, True, False)
    make.document(instance, tagging_state=TaggingState.TAGGED)
    session.rollback()
    assert first_run(session, instance.id, models).photograph_tagged
