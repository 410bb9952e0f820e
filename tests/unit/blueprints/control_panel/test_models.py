"""The page of models: what there is, installing in the background, removing what nobody uses."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup, Tag
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.inference.installing.store import ModelStore
from autotag.inference.models.catalogue import DEFAULT_MODEL
from autotag.inference.models.model import DESCRIPTION_FILE
from autotag.models import AuditEvent, InstallationState, ModelInstallation, Role, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.model_installations import BROKER_AWAY
from tests.unit.blueprints.conftest import INSTANCE, SYSTEM, Browser, said, save

MODELS = f"{SYSTEM}/models"
NAME = "inception-v3"


@pytest.fixture
def put(sessions: sessionmaker[Session]) -> Callable[..., None]:
    def put(state: InstallationState, name: str = NAME, **values: object) -> None:
        with sessions() as session, unit_of_work(session) as work:
            work.session.add(ModelInstallation(name=name, state=state, **values))

    return put


@pytest.fixture
def done(sessions: sessionmaker[Session]) -> Callable[[], list[tuple[str, str]]]:
    def done() -> list[tuple[str, str]]:
        with sessions() as session:
            return [
                (event.action, event.subject)
                for event in session.scalars(select(AuditEvent))
                if event.action.startswith("model")
            ]

    return done


def model(page: BeautifulSoup, name: str) -> Tag:
    found = page.find(attrs={"data-model": name})
    assert isinstance(found, Tag)
    return found


def words(tag: Tag) -> str:
    return " ".join(tag.get_text(" ").split())


def act_of(tag: Tag) -> str:
    """What the button of a model does."""
    button = tag.find("button")
    assert isinstance(button, Tag)
    assert button["form"] == "models-form"
    return str(button["formaction"]).rpartition("/")[2]


def test_the_page_lists_the_catalogue_and_what_is_imported(
    system_administrator: Browser, models: ModelStore
) -> None:
    page = system_administrator.page(MODELS)
    first = model(page, DEFAULT_MODEL)
    assert "EfficientNet-Lite0" in words(first)
    assert "Input 224 \N{MULTIPLICATION SIGN} 224 Classes 1,000 Accuracy 75.1 % top-1" in words(first)
    assert "Not installed" in words(first)
    assert act_of(first) == "install"
    toy = model(page, "toy")
    assert "Installed, imported" in words(toy)
    assert act_of(toy) == "remove"
    links = page.find("nav", attrs={"aria-label": "Assets"}).find_all("a")
    assert [link.get_text() for link in links if link.get("aria-current")] == ["Models"]


def test_only_system_settings_lead_there(
    system_administrator: Browser,
    administrator: Browser,
    browser: Callable[..., Browser],
    acme: VirtualInstance,
) -> None:
    assert system_administrator.page(f"{SYSTEM}/tensorflow").find("a", href=MODELS)
    assert system_administrator.page(f"{SYSTEM}/documents-and-media").find("a", href=MODELS) is None
    assert system_administrator.page(f"{INSTANCE}/tensorflow").find("a", href=MODELS) is None
    for person in (administrator, browser(acme, Role.EDITOR)):
        assert person.get(MODELS).status_code == 403
        assert person.get(f"{MODELS}/state").status_code == 403
        for act in ("install", "cancel", "remove"):
            assert person.post(f"{MODELS}/{NAME}/{act}").status_code == 403


def test_the_default_model_stays(system_administrator: Browser, models: ModelStore) -> None:
    folder = models.folder / "toy"
    description = replace(models.get("toy"), name=DEFAULT_MODEL)
    (folder / DESCRIPTION_FILE).write_text(description.to_json())
    folder.rename(models.folder / DEFAULT_MODEL)
    shown = model(system_administrator.page(MODELS), DEFAULT_MODEL)
    assert "Installed, the default model" in words(shown)
    assert shown.find("button") is None
    assert system_administrator.post(f"{MODELS}/{DEFAULT_MODEL}/remove").status_code == 303
    assert "is the default model and cannot be removed" in said(system_administrator.page(MODELS))
    assert models.present(DEFAULT_MODEL)


def test_a_model_that_is_chosen_is_not_removed(
    system_administrator: Browser,
    administrator: Browser,
    models: ModelStore,
    done: Callable[[], list[tuple[str, str]]],
) -> None:
    assert save(administrator, f"{INSTANCE}/tensorflow", {"model": "toy"}) == 303
    assert save(system_administrator, f"{SYSTEM}/tensorflow", {"model": "toy"}) == 303
    system_administrator.post(f"{MODELS}/toy/remove")
    page = said(system_administrator.page(MODELS))
    assert "Toy is in use by the default of all instances, acme. Choose another model there first." in page
    assert models.present("toy")
    assert done() == []
    administrator.post(f"{INSTANCE}/tensorflow/reset")
    system_administrator.post(f"{SYSTEM}/tensorflow/reset")
    system_administrator.post(f"{MODELS}/toy/remove")
    assert "The model is removed." in said(system_administrator.page(MODELS))
    assert models.present("toy") is None
    assert done() == [("model removed", "Toy")]
    system_administrator.post(f"{MODELS}/toy/remove")
    assert "is not installed" in said(system_administrator.page(MODELS))


def test_without_a_broker_the_page_says_so(
    system_administrator: Browser, done: Callable[[], list[tuple[str, str]]]
) -> None:
    assert system_administrator.post(f"{MODELS}/{NAME}/install").status_code == 303
    shown = model(system_administrator.page(MODELS), NAME)
    assert BROKER_AWAY in words(shown)
    assert act_of(shown) == "install"
    assert "Try again" in words(shown)
    assert done() == [("model installation started", "Inception v3 (quantised)")]


def test_a_model_that_nobody_knows_is_refused(system_administrator: Browser) -> None:
    assert system_administrator.post(f"{MODELS}/nothing/install").status_code == 303
    assert "No model is called 'nothing'" in said(system_administrator.page(MODELS))
    assert system_administrator.post(f"{MODELS}/nothing/cancel").status_code == 303
    assert system_administrator.post(f"{MODELS}/..%00/remove").status_code == 303


def test_progress_is_shown_and_asked_for(system_administrator: Browser, put: Callable[..., None]) -> None:
    put(InstallationState.RUNNING, done_bytes=12_000_000, total_bytes=48_000_000)
    shown = model(system_administrator.page(MODELS), NAME)
    assert "12 MB of 48 MB" in words(shown)
    bar = shown.find("progress")
    assert (bar["value"], bar["max"], bar["aria-label"]) == (
        "12000000",
        "48000000",
        "Inception v3 (quantised)",
    )
    assert act_of(shown) == "cancel"
    answer = system_administrator.get(f"{MODELS}/state").get_json()
    assert answer["pending"] is True
    assert "12\N{NO-BREAK SPACE}MB" in answer["models"][NAME]["state"]
    # A token is a new one at each request: within a part it would make each part look changed.
    assert "csrf_token" not in answer["models"][NAME]["actions"]
    assert system_administrator.get(f"{MODELS}/state").get_json() == answer
    system_administrator.post(f"{MODELS}/{NAME}/cancel")
    assert "Stopping" in words(model(system_administrator.page(MODELS), NAME))


def test_what_waits_is_cancelled_at_once(
    system_administrator: Browser, put: Callable[..., None], done: Callable[[], list[tuple[str, str]]]
) -> None:
    put(InstallationState.QUEUED)
    assert "Waiting for a worker" in words(model(system_administrator.page(MODELS), NAME))
    system_administrator.post(f"{MODELS}/{NAME}/cancel")
    assert "Cancelled" in words(model(system_administrator.page(MODELS), NAME))
    answer = system_administrator.get(f"{MODELS}/state").get_json()
    assert answer["pending"] is False
    assert answer["models"][NAME]["announcement"] == "Inception v3 (quantised): cancelled"
    assert done() == [("model installation cancelled", NAME)]


def test_a_failure_is_told_with_the_way_out(system_administrator: Browser, put: Callable[..., None]) -> None:
    put(InstallationState.FAILED, message="It <b>cannot</b> be reached. Use --from FILE.")
    shown = model(system_administrator.page(MODELS), NAME)
    assert "It <b>cannot</b> be reached. Use --from FILE." in words(shown)
    assert shown.find("b") is None
    assert f"autotag models install {NAME} --from FILE" in words(shown)


def test_what_somebody_calls_an_imported_model_is_only_text(
    system_administrator: Browser, models: ModelStore
) -> None:
    description = replace(models.get("toy"), title="<b>Toy</b>", source="javascript:alert(1)")
    (models.folder / "toy" / DESCRIPTION_FILE).write_text(description.to_json())
    shown = model(system_administrator.page(MODELS), "toy")
    assert "<b>Toy</b>" in words(shown)
    assert shown.find("b") is None
    assert shown.find("a") is None
