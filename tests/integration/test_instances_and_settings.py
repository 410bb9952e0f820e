"""Settings as the pages and `autotag config` save them, and what the running workers make of them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from bs4 import BeautifulSoup
from bs4 import Tag as Element
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session, sessionmaker

from autotag.config import Config
from autotag.configuration.context import installed_choices, secret_box
from autotag.configuration.effective import EffectiveSettings
from autotag.configuration.entries import ASSET_AUTO_TAGGING, TENSORFLOW
from autotag.configuration.store import Place, Submission, resolve, save, shown_values
from autotag.inference.installing.store import ModelStore
from autotag.inference.process.process import InferenceProcess
from autotag.instances.directory import ensure_default_instance
from autotag.media.storage.storage import FolderStorage
from autotag.media.uploads.intake import UploadLimits, accept, receive
from autotag.models import Document, TaggingState
from autotag.models.engine import build_session_factory
from autotag.models.unit_of_work import unit_of_work
from autotag.serving.worker import provider_factory
from autotag.tagging.pipeline.pipeline import Pipeline
from tests.conftest import draw_picture, fresh, jpeg

if TYPE_CHECKING:
    import requests

    from tests.conftest import Client, Installation, Photograph

SYSTEM = "/control-panel/system-settings"
INSTANCE = "/control-panel/instance-settings"


def at_host(installation: Installation, web_id: str) -> Client:
    """A client at an instance's host, which needs no name service for that."""
    client = installation.new_client()
    client.session.headers["Host"] = f"{web_id}.localhost:{installation.port}"
    return client


@dataclass(frozen=True, slots=True)
class Sites:
    """An installation with the virtual instance acme; somebody is signed in at both."""

    installation: Installation
    system: Client
    acme: Client


@pytest.fixture(scope="module")
def sites(installation: Installation) -> Sites:
    created = installation.run("instances", "create", "--web-id", "acme", "--virtual-host", "acme", "--json")
    assert created.returncode == 0, created.stderr
    answer = json.loads(created.stdout)
    system, acme = installation.client(), at_host(installation, "acme")
    acme.sign_in_first(answer["administrator"], answer["password"])
    return Sites(installation, system, acme)


def parsed(answer: requests.Response) -> BeautifulSoup:
    return BeautifulSoup(answer.text, "html.parser")


def form_values(page: BeautifulSoup) -> dict[str, str]:
    """What a browser sends when the settings form is sent untouched."""
    form = page.find("form", attrs={"data-settings-form": True})
    assert isinstance(form, Element)
    values = {}
    for field in form.find_all(["input", "select"]):
        if field.name == "select":
            values[field["name"]] = field.find("option", selected=True)["value"]
        elif field.get("type") != "checkbox" or field.has_attr("checked"):
            values[field["name"]] = field["value"]
    return values


def send(client: Client, path: str, changed: Mapping[str, str]) -> requests.Response:
    """Open an entry's form, change some fields and send it."""
    opened = client.get(path)
    assert opened.status_code == 200, f"{path}: {opened.status_code}"
    values = form_values(parsed(opened)) | dict(changed)
    return client.post(path, data=values, allow_redirects=False)


def put(client: Client, path: str, **changed: str) -> None:
    answer = send(client, path, changed)
    assert answer.status_code == 303, parsed(answer).get_text(" ", strip=True)


def outcome(installation: Installation, client: Client, name: str, content: bytes) -> tuple[str, str, int]:
    """Upload a picture and wait: its state, the reason, and its number."""
    document_id = client.upload(name, content)
    installation.wait_final([document_id])
    row = installation.database.document(document_id)
    return row["tagging_state"], row["tagging_reason"], document_id


def best_prediction(installation: Installation, name: str, content: bytes) -> tuple[str, float]:
    """What `autotag tag` says of a picture: the reference that needs no server."""
    path = installation.folder / name
    path.write_bytes(content)
    answer = installation.run("tag", str(path), "--threshold", "0", "--limit", "1", "--json")
    assert answer.returncode == 0, answer.stderr
    tag = json.loads(answer.stdout)["tags"][0]
    return tag["name"], tag["confidence"]


@pytest.fixture(params=["drawing", "photograph"])
def picture(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    """A picture, new to everybody, whose best confidence is far from 0 and 1; the photograph has one near 0.4."""
    if request.param == "drawing":
        return "drawing.jpg", fresh(jpeg(draw_picture(1)))
    photographs: list[Photograph] = request.getfixturevalue("photographs")
    cat = next(photograph for photograph in photographs if photograph.label == "Egyptian cat")
    return "cat.jpg", cat.fresh()


def worker_pids(installation: Installation) -> set[int]:
    return {process.pid for process in installation.workers()}


def test_a_threshold_above_the_best_confidence_leaves_no_tags_and_says_both_and_the_next_one_acts_at_once(
    sites: Sites, picture: tuple[str, bytes]
) -> None:
    installation, acme = sites.installation, sites.acme
    name, content = picture
    label, confidence = best_prediction(installation, name, content)
    above = round((confidence + 1) / 2, 2) if name == "drawing.jpg" else 0.9
    assert confidence < above - 0.005
    before = worker_pids(installation)

    put(acme, f"{INSTANCE}/tensorflow", enabled="true", confidence_threshold=str(above))
    state, reason, document_id = outcome(installation, acme, name, content)
    assert state == "no_tags"
    assert label in reason
    said = [float(number) for number in re.findall(r"\d\.\d+", reason)]
    # Rounded down to two decimals, so that it never seems to reach a threshold that it does not.
    assert said == [pytest.approx(confidence - 0.005, abs=0.0051), above]
    assert reason in parsed(acme.get(f"/documents/{document_id}")).get_text(" ")

    below = round(confidence - 0.01, 2)
    put(acme, f"{INSTANCE}/tensorflow", confidence_threshold=str(below))
    for again in (content, content + b"other bytes"):
        state, _, document_id = outcome(installation, acme, name, again)
        assert state == "tagged"
        assert label in installation.database.tags(document_id)
    assert worker_pids(installation) == before


def test_a_maximum_acts_on_the_next_image_and_keeps_the_most_confident(
    sites: Sites, make_pictures: Callable[[int], list[bytes]]
) -> None:
    installation, acme = sites.installation, sites.acme
    before = worker_pids(installation)
    put(acme, f"{INSTANCE}/tensorflow", enabled="true", confidence_threshold="0")
    (content,) = make_pictures(1)
    put(acme, f"{INSTANCE}/asset-auto-tagging", maximum_number_of_tags="0")
    *_, unlimited = outcome(installation, acme, "many.jpg", content)
    everything = installation.database.tags(unlimited)
    assert len(everything) > 3
    for maximum in (2, 1, 3):
        put(acme, f"{INSTANCE}/asset-auto-tagging", maximum_number_of_tags=str(maximum))
        *_, limited = outcome(installation, acme, "few.jpg", content)
        assert list(installation.database.tags(limited)) == list(everything)[:maximum]
    put(acme, f"{INSTANCE}/asset-auto-tagging", maximum_number_of_tags="0")
    *_, again = outcome(installation, acme, "many again.jpg", content)
    assert installation.database.tags(again) == everything
    assert worker_pids(installation) == before


@dataclass(frozen=True, slots=True)
class Wrong:
    """A value that cannot be saved, the values that stand beside it in the form, and where it is tried."""

    entry: str
    field: str
    text: str
    beside: Mapping[str, str]
    scope: str = "default"


THRESHOLD = ("tensorflow", "confidence_threshold")
WRONG = (
    Wrong(*THRESHOLD, "1.5", {"enabled": "true"}),
    Wrong(*THRESHOLD, "abc", {"enabled": "true"}),
    Wrong(*THRESHOLD, "", {"enabled": "true"}),
    Wrong("asset-auto-tagging", "maximum_number_of_tags", "-1", {"update_auto_tags": "true"}),
    Wrong(
        "tensorflow-process",
        "maximum_number_of_relaunches_time_interval",
        "0",
        {"maximum_number_of_relaunches": "7"},
        "system",
    ),
    Wrong(
        "microsoft-cognitive-services",
        "api_endpoint",
        "westcentralus, please",
        {"confidence_threshold": "0.35", "maximum_number_of_calls": "12"},
    ),
)


def kept(installation: Installation) -> list[Any]:
    """All that is saved, and what the audit trail says of it."""
    rows = installation.database.rows("SELECT * FROM configuration_record ORDER BY id")
    audited = installation.database.value("SELECT count(*) FROM audit_event")
    return [*(dict(row) for row in rows), audited]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.field}={wrong.text or 'nothing'}")
def test_a_wrong_value_is_refused_by_the_page_and_by_the_command_in_the_same_words(
    sites: Sites, wrong: Wrong
) -> None:
    installation = sites.installation
    before = kept(installation)
    answer = send(sites.system, f"{SYSTEM}/{wrong.entry}", {wrong.field: wrong.text, **wrong.beside})
    page = parsed(answer)
    assert answer.status_code == 422
    control = page.find(id=f"field-{wrong.field}")
    beside = page.find(id=f"field-{wrong.field}-error")
    assert isinstance(control, Element)
    assert isinstance(beside, Element)
    assert beside["id"] in control["aria-describedby"]
    assert len(page.select(".field-error:not([hidden])")) == 1
    values = form_values(page)
    assert {wrong.field: wrong.text, **wrong.beside}.items() <= values.items()

    command = installation.run(
        *("config", "set", "--scope", wrong.scope, wrong.entry, wrong.field, wrong.text)
    )
    assert (command.returncode, command.stdout) == (1, "")
    assert command.stderr == f"Error: {wrong.field}: {beside.get_text()}\n"
    assert kept(installation) == before


def test_what_is_missing_to_enable_a_provider_is_told_beside_both_fields(sites: Sites) -> None:
    before = kept(sites.installation)
    path = f"{INSTANCE}/microsoft-cognitive-services"
    page = parsed(send(sites.acme, path, {"enabled": "true", "confidence_threshold": "0.4"}))
    reasons = {found["id"]: found.get_text() for found in page.select(".field-error:not([hidden])")}
    required = "This is required to enable the provider."
    assert reasons == {"field-api_key-error": required, "field-api_endpoint-error": required}
    command = sites.installation.run(
        *("config", "set", "--scope", "instance", "--instance", "acme"),
        *("microsoft-cognitive-services", "enabled", "true"),
    )
    assert (
        command.stderr
        == "Error: " + "; ".join(f"{name}: {required}" for name in ("api_key", "api_endpoint")) + "\n"
    )
    assert kept(sites.installation) == before


def test_pages_redirects_and_files_stay_on_the_host_they_were_asked_at(sites: Sites) -> None:
    acme = sites.acme
    host = f"http://acme.localhost:{sites.installation.port}"
    for path in ("/", "/control-panel/instance-settings/category/assets"):
        location = acme.get(path, allow_redirects=False).headers["Location"]
        assert location.startswith("/") or location.startswith(f"{host}/"), location
    page = parsed(acme.get("/documents"))
    links = [link["href"] for link in page.find_all("link", rel="stylesheet")]
    assert links
    for link in links:
        assert acme.get(link).status_code == 200, link
    nowhere = at_host(sites.installation, "initech")
    lost = nowhere.get("/documents")
    assert (lost.status_code, "No site at this address" in lost.text) == (404, True)
    for link in parsed(lost).find_all("link", rel="stylesheet"):
        assert nowhere.get(link["href"]).status_code == 200, link


@dataclass(frozen=True, slots=True)
class Bench:
    """The parts of a worker in this process, on an installation that is not running."""

    config: Config
    sessions: sessionmaker[Session]
    pipeline: Pipeline
    instance_id: int

    def tag(self, content: bytes) -> Document:
        """Store a picture and take it the whole road; return what became of it."""
        storage = FolderStorage(self.config.storage_path)
        with (
            self.sessions() as session,
            receive(
                io.BytesIO(content), "a.jpg", session=session, storage=storage, limits=UploadLimits()
            ) as received,
            unit_of_work(session) as work,
        ):
            document_id = accept(work, received, instance_id=self.instance_id, owner_id=None).id
        assert self.pipeline.tag(self.instance_id, document_id) is not None
        with self.sessions() as session:
            return session.get_one(Document, document_id)

    def put(self, place: Place, **texts: str) -> None:
        with self.sessions() as session, unit_of_work(session) as work:
            submission = Submission(shown_values(resolve(session, place)) | texts, "eva")
            choices = installed_choices(ModelStore(self.config.models_path))
            save(work, place, submission, box=secret_box(self.config), choices=choices)


@pytest.fixture
def bench(start_installation: Callable[..., Installation]) -> Iterator[Bench]:
    """What `run_worker` puts together, without the loop that takes jobs."""
    installation = start_installation(running=False)
    made = installation.run("init", "--quick-start")
    assert made.returncode == 0, made.stderr
    config = Config.from_environment(installation.environment)
    sessions = build_session_factory(config.database_url, durable=False)
    with sessions() as session:
        instance_id = ensure_default_instance(session, config.base_domain).id
    with InferenceProcess() as process, InferenceProcess() as decoder:
        pipeline = Pipeline(
            sessions=sessions,
            storage=FolderStorage(config.storage_path),
            process=process,
            decoder=decoder,
            settings=EffectiveSettings(sessions).for_instance,
            build_provider=provider_factory(config),
            worker="bench",
        )
        yield Bench(config, sessions, pipeline, instance_id)
    sessions.kw["bind"].dispose()


@contextmanager
def noted(engine: Engine) -> Iterator[list[str]]:
    """Note every statement that is sent to the database meanwhile."""
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_an_unchanged_configuration_costs_no_query_and_a_changed_one_acts_on_the_very_next_document(
    bench: Bench, make_pictures: Callable[[int], list[bytes]]
) -> None:
    engine: Engine = bench.sessions.kw["bind"]
    pictures = iter(make_pictures(8))
    own = Place.of(TENSORFLOW, bench.instance_id)
    bench.put(own, confidence_threshold="0")

    def reads(content: bytes) -> tuple[Document, list[str], list[str]]:
        with noted(engine) as statements:
            document = bench.tag(content)
        records = [statement for statement in statements if "configuration_record" in statement]
        versions = [statement for statement in statements if "configuration_state" in statement]
        return document, records, versions

    first, records, _ = reads(next(pictures))
    assert first.tagging_state is TaggingState.TAGGED
    assert records
    for _ in range(2):
        second, records, versions = reads(next(pictures))
        assert second.tagging_state is TaggingState.TAGGED
        assert records == []
        # The version rides in the statement that claims the document, and costs no other.
        assert [statement.split()[:2] for statement in versions] == [["UPDATE", "document"]]

    bench.put(own, confidence_threshold="1")
    changed, records, _ = reads(next(pictures))
    assert (changed.tagging_state, "1.00" in changed.tagging_reason) == (TaggingState.NO_TAGS, True)
    assert records
    bench.put(Place.of(ASSET_AUTO_TAGGING, bench.instance_id), enabled="false")
    off, *_ = reads(next(pictures))
    assert off.tagging_state is TaggingState.SKIPPED
    assert "Enable Auto Tagging of Assets" in off.tagging_reason
    still_off, records, _ = reads(next(pictures))
    assert (still_off.tagging_state, records) == (TaggingState.SKIPPED, [])
