"""Saving an entry is how an administrator says: try again."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.declaration import Entry
from autotag.configuration.entries import ASSET_AUTO_TAGGING, GOOGLE_CLOUD_VISION, TENSORFLOW_PROCESS
from autotag.configuration.store import Place
from autotag.instances.wall import scope_to_instance
from autotag.models import DEFAULT_WEB_ID, Document, ProcessState, ProviderState, ProviderStatus
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.provider_health.circuit_breaker import waiting_code
from autotag.tagging.provider_health.on_settings_saved import configuration_changed
from autotag.tagging.provider_health.process_breaker import PROCESS_DISABLED, is_process_disabled
from tests.unit.conftest import Factory


@pytest.mark.parametrize("where", ["command", "page"])
@pytest.mark.parametrize(
    ("entry", "resumes", "enables"),
    [
        (GOOGLE_CLOUD_VISION, True, False),
        (TENSORFLOW_PROCESS, False, True),
        (ASSET_AUTO_TAGGING, False, False),
    ],
    ids=lambda value: getattr(value, "key", str(value)),
)
def test_saving_an_entry_tries_again_what_it_is_about(
    sessions: sessionmaker[Session], make: Factory, entry: Entry, resumes: bool, enables: bool, where: str
) -> None:
    """On a page the administrator is at the default instance; what waits in every other goes on too."""
    home = make.instance(DEFAULT_WEB_ID)
    acme = make.instance()
    later = utc_now() + timedelta(hours=1)
    codes = (waiting_code("google-cloud-vision"), PROCESS_DISABLED)
    documents = [make.document(acme, tagging_reason_code=code, tagging_not_before=later) for code in codes]
    with sessions() as session, unit_of_work(session) as work:
        work.session.add(
            ProviderState(instance_id=acme.id, provider="google-cloud-vision", status=ProviderStatus.PAUSED)
        )
        work.session.add(ProcessState(id=1, crashes=9, disabled_at=utc_now()))
    with sessions() as session, unit_of_work(session) as work:
        if where == "page":
            scope_to_instance(session, home.id)
        configuration_changed(work, Place.of(entry))
    with sessions() as session:
        waits = [
            session.get_one(Document, document.id).tagging_not_before is not None for document in documents
        ]
        assert waits == [not resumes, not enables]
        assert (session.scalar(select(ProviderState.id)) is None) is resumes
        assert is_process_disabled(session) is not enables
