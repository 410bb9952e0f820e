from sqlalchemy.orm import Session, sessionmaker

from autotag.inference.installing.store import ModelStore
from autotag.models import TaggingState
from autotag.operations.onboarding import first_run
from tests.unit.conftest import Factory
from tests.unit.tagging.conftest import enable_tensorflow


def test_a_new_instance_has_all_steps_before_it(session: Session, make: Factory, models: ModelStore) -> None:
    steps = first_run(session, make.instance().id, models)
    assert (steps.model_ready, steps.provider_enabled, steps.photograph_tagged) == (False, False, False)
    assert steps.refusal == "No image auto tagging provider is enabled."


def test_each_step_is_seen(
    session: Session, sessions: sessionmaker[Session], make: Factory, models: ModelStore
) -> None:
    instance = make.instance()
    enable_tensorflow(sessions, instance.id)
    make.document(make.instance(), tagging_state=TaggingState.TAGGED)
    steps = first_run(session, instance.id, models)
    assert (steps.model_ready, steps.provider_enabled, steps.photograph_tagged) == (True, True, False)
    make.document(instance, tagging_state=TaggingState.TAGGED)
    session.rollback()
    assert first_run(session, instance.id, models).photograph_tagged
