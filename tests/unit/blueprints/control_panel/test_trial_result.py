"""*Test connection*: the saved settings, one small picture, what came of it on the next page."""

import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.blueprints.control_panel import provider_actions
from autotag.configuration.effective import ProviderSettings
from autotag.inference.process.process import Prediction
from autotag.models import ProviderUsage, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.providers.base import Answer, ProviderMisconfigured, TaggableImage
from autotag.tagging.provider_health import connection_test
from tests.unit.blueprints.conftest import INSTANCE, SYSTEM, Browser, said, save

GOOGLE = "google-cloud-vision"
TEST = f"{INSTANCE}/{GOOGLE}/test-connection"


class Scripted:
    """Stands in for a provider: answers with what it is told to, and keeps what it was sent."""

    name = title = GOOGLE
    mime_types = frozenset({"image/jpeg"})
    sends_image = True
    model = model_version = "1"

    def __init__(self) -> None:
        self.outcome: list[tuple[str, float]] | Exception = [("clock <b>", 0.91), ("wall", 0.5)]
        self.pictures: list[bytes] = []
        self.settings: list[ProviderSettings] = []
        self.blocked_by: threading.Event | None = None

    def tag(self, image: TaggableImage) -> Answer:
        self.pictures.append(image.jpeg(1600))
        assert min(image.size) > 50
        if self.blocked_by is not None:
            self.blocked_by.wait(10)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return Answer([Prediction(*pair) for pair in self.outcome], "m", "1")


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    scripted = Scripted()

    def build(settings: ProviderSettings) -> Scripted:
        scripted.settings.append(settings)
        return scripted

    monkeypatch.setattr(provider_actions, "provider_factory", lambda _config: build)
    yield scripted
    if scripted.blocked_by is not None:
        scripted.blocked_by.set()


@pytest.fixture
def calls(sessions: sessionmaker[Session]) -> Callable[[], list[tuple[int, int]]]:
    def calls() -> list[tuple[int, int]]:
        with sessions() as session:
            return [(row.instance_id, row.calls) for row in session.scalars(select(ProviderUsage))]

    return calls


def save_google(browser: Browser, area: str = INSTANCE, **changed: object) -> None:
    assert save(browser, f"{area}/{GOOGLE}", {"api_key": "a key", **changed}) == 303


def test_labels_are_shown_once_and_the_call_is_counted(
    administrator: Browser,
    acme: VirtualInstance,
    provider: Scripted,
    calls: Callable[[], list[tuple[int, int]]],
) -> None:
    save_google(administrator)
    answer = administrator.post(TEST)
    assert (answer.status_code, answer.location) == (303, f"{INSTANCE}/{GOOGLE}#connection")
    page = administrator.page(f"{INSTANCE}/{GOOGLE}")
    assert "It answered: clock <b> 91 % wall 50 %" in said(page)
    assert page.find("b") is None
    assert calls() == [(acme.id, 1)]
    assert provider.pictures[0].startswith(b"\xff\xd8")
    assert "It answered" not in said(administrator.page(f"{INSTANCE}/{GOOGLE}"))


def test_the_reason_is_shown(administrator: Browser, provider: Scripted) -> None:
    save_google(administrator)
    provider.outcome = ProviderMisconfigured("bad_credentials", "The key <i>is</i> wrong.")
    administrator.post(TEST)
    page = administrator.page(f"{INSTANCE}/{GOOGLE}")
    assert "The key <i>is</i> wrong." in said(page)
    assert page.find("i") is None
    provider.outcome = []
    administrator.post(TEST)
    assert "It answered without labels." in said(administrator.page(f"{INSTANCE}/{GOOGLE}"))


def test_the_settings_are_those_of_the_place(
    system_administrator: Browser,
    default_instance: VirtualInstance,
    provider: Scripted,
    calls: Callable[[], list[tuple[int, int]]],
) -> None:
    save_google(system_administrator, SYSTEM, confidence_threshold="0.75")
    save_google(system_administrator, confidence_threshold="0.25")
    system_administrator.post(f"{SYSTEM}/{GOOGLE}/test-connection")
    system_administrator.post(TEST)
    assert [settings.confidence_threshold for settings in provider.settings] == [0.75, 0.25]
    assert calls() == [(default_instance.id, 2)]


def test_nothing_is_sent_without_a_key_or_beyond_the_limit(
    administrator: Browser,
    acme: VirtualInstance,
    provider: Scripted,
    sessions: sessionmaker[Session],
    calls: Callable[[], list[tuple[int, int]]],
) -> None:
    assert "Test connection" not in said(administrator.page(f"{INSTANCE}/{GOOGLE}"))
    assert administrator.post(TEST).status_code == 303
    assert provider.pictures == []
    assert calls() == []
    save_google(administrator, maximum_number_of_calls="3")
    with sessions() as session, unit_of_work(session) as work:
        work.session.add(ProviderUsage(instance_id=acme.id, provider=GOOGLE, day=utc_now().date(), calls=3))
    administrator.post(TEST)
    assert "The 3 images that this month allows have been sent." in said(
        administrator.page(f"{INSTANCE}/{GOOGLE}")
    )
    assert provider.pictures == []


def test_whoever_waits_is_let_go(
    administrator: Browser, provider: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_test, "PATIENCE_SECONDS", 0.05)
    provider.blocked_by = threading.Event()
    save_google(administrator)
    administrator.post(TEST)
    assert "No answer came within 20 seconds." in said(administrator.page(f"{INSTANCE}/{GOOGLE}"))


def test_a_provider_of_this_machine_has_no_connection(administrator: Browser) -> None:
    assert "Test connection" not in said(administrator.page(f"{INSTANCE}/tensorflow"))
    assert administrator.post(f"{INSTANCE}/tensorflow/test-connection").status_code == 404


def test_an_address_that_is_refused_is_told(administrator: Browser) -> None:
    """With the real provider: no byte leaves for a private address."""
    path = f"{INSTANCE}/microsoft-cognitive-services"
    values = {"api_key": "a key", "api_endpoint": "https://10.0.0.1/vision/v3.2"}
    assert save(administrator, path, values) == 303
    administrator.post(f"{path}/test-connection")
    page = administrator.page(path)
    reason = page.find(id="connection").find(attrs={"role": "alert"})
    assert reason
    assert "10.0.0.1" in reason.get_text()
