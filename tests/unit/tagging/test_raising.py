"""Something raises in each stage of the pipeline and in each provider: it concerns one attempt at one document.

The others go on, nothing is lost, nobody waits long, and nothing is tagged or paid for twice.
"""

import io
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker
from structlog.testing import capture_logs

from autotag.configuration.declaration import Entry, Scope, threshold
from autotag.configuration.effective import ProviderSettings, TaggingSettings
from autotag.configuration.store import Place, Resolved, Source
from autotag.inference.installing.store import ModelStore
from autotag.inference.messages import ImageRequest, ImageResult, Prediction
from autotag.media.storage.storage import FolderStorage
from autotag.models import (
    Document,
    PredictionSet,
    Tag,
    TagAssignment,
    TaggingAttempt,
    TaggingState,
    VirtualInstance,
)
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.outbound_http.client import WebClient
from autotag.providers.base import Answer, AutoTagProvider, ProviderMisconfigured
from autotag.providers.google_vision import GoogleCloudVisionProvider
from autotag.providers.microsoft.provider import MicrosoftProvider
from autotag.providers.tensorflow import TensorFlowProvider
from autotag.tagging.pipeline import provider_calls
from autotag.tagging.pipeline.examine import Examiner
from autotag.tagging.pipeline.image import ImageInHand
from autotag.tagging.pipeline.pipeline import Pipeline
from autotag.tagging.pipeline.trouble import MAXIMUM_TRIES
from tests.conftest import load_stub
from tests.unit.conftest import Factory, ScriptedProcess

UPLOADS = 5
OF_THE_OTHER = 2
GOOGLE, MICROSOFT = "google-cloud-vision", "microsoft-cognitive-services"
BUSY = OperationalError("UPDATE document", {}, Exception("database is locked"))
ODD = KeyError("no such key")
ENDS = SystemExit(1)


class Rule:
    """A provider of a package of its own."""

    title = "Rule"
    sends_image = False
    mime_types = frozenset({"image/png"})
    model_version = "1"

    @property
    def model(self) -> str:
        return "rule"

    def tag(self, image: ImageInHand) -> Answer:
        assert image.jpeg(640)
        return Answer([Prediction("ruled", 1.0)], self.model, self.model_version)


class Painter(ScriptedProcess):
    """Writes renditions that are real pictures, because the services look at them."""

    def process(self, request: ImageRequest) -> ImageResult:
        result = super().process(request)
        picture = io.BytesIO()
        Image.new("RGB", (100, 80), "red").save(picture, "JPEG")
        for rendition in request.renditions:
            rendition.path.write_bytes(picture.getvalue())
        return result


@pytest.fixture(autouse=True)
def _logs_are_not_drawn() -> Iterator[None]:
    """Tracebacks are drawn with all local variables where nobody has set logging up, which takes seconds."""
    with capture_logs():
        yield


@pytest.fixture(scope="module")
def services() -> Iterator[tuple[Any, Any]]:
    with load_stub("google_vision").GoogleVision() as google, load_stub("microsoft").Microsoft() as microsoft:
        yield google, microsoft


@dataclass
class Road:
    """A pipeline with all providers, two tenants, and a look at what came of their documents."""

    sessions: sessionmaker[Session]
    pipeline: Pipeline
    google: Any
    microsoft: Any
    acme: VirtualInstance
    other: VirtualInstance
    upload: Callable[[VirtualInstance, int], list[int]]

    def go(self, instance: VirtualInstance, ids: list[int]) -> list[Document]:
        self.pipeline.tag_many(instance.id, ids)
        return self.look(ids)

    def look(self, ids: list[int]) -> list[Document]:
        with self.sessions() as session:
            return list(session.scalars(select(Document).where(Document.id.in_(ids)).order_by(Document.id)))

    def pass_time(self) -> None:
        with self.sessions() as session, unit_of_work(session) as work:
            work.session.execute(update(Document).values(tagging_not_before=None))

    def tags(self, ids: list[int]) -> dict[int, list[str]]:
        statement = select(TagAssignment.document_id, Tag.name).join(Tag).order_by(Tag.name)
        with self.sessions() as session:
            found: dict[int, list[str]] = {key: [] for key in ids}
            for document_id, name in session.execute(statement.where(TagAssignment.document_id.in_(ids))):
                found[document_id].append(name)
            return found


def settings_of(*names: str) -> TaggingSettings:
    entries = []
    for name in names:
        entry = Entry(
            key=name,
            title=name.title(),
            category="",
            scope=Scope.INSTANCE,
            help="",
            fields=(threshold(0.1, name),),
            provider=name,
        )
        values = {"confidence_threshold": 0.1}
        entries.append(ProviderSettings(Resolved(entry, values, Source.OWN, Place.of(entry, 1))))
    return TaggingSettings("", 0, tuple(entries), 1000)


@pytest.fixture
def road(
    sessions: sessionmaker[Session],
    storage: FolderStorage,
    models: ModelStore,
    make: Factory,
    keep: Callable[[bytes], str],
    services: tuple[Any, Any],
) -> Road:
    google, microsoft = services
    for service, label in ((google, "from google"), (microsoft, "from microsoft")):
        service.reset()
        service.labels = [(label, 0.9)]
    process = Painter()
    built: dict[str, Callable[[], AutoTagProvider]] = {
        "tensorflow": lambda: TensorFlowProvider(models, "toy"),
        GOOGLE: lambda: GoogleCloudVisionProvider(
            google.key, WebClient([google.host]), base_url=google.address
        ),
        MICROSOFT: lambda: MicrosoftProvider(microsoft.key, microsoft.address, WebClient([microsoft.host])),
        "rule": Rule,  # type: ignore[dict-item]
    }

    def upload(instance: VirtualInstance, number: int) -> list[int]:
        contents = [f"{instance.web_id} {one}".encode() for one in range(number)]
        return [make.document(instance, sha256=keep(content)).id for content in contents]

    pipeline = Pipeline(
        sessions=sessions,
        storage=storage,
        process=process,  # type: ignore[arg-type]
        decoder=process,  # type: ignore[arg-type]
        settings=lambda *_: settings_of("tensorflow", GOOGLE, MICROSOFT, "rule"),
        build_provider=lambda entry: built[entry.provider](),
        worker="worker-1",
    )
    return Road(sessions, pipeline, google, microsoft, make.instance(), make.instance(), upload)


def raise_at(
    patch: pytest.MonkeyPatch, owner: object, name: str, error: BaseException, *, call: int, after: bool
) -> list[int]:
    """Let one call of a function raise, before it has done anything or after; return the calls."""
    calls: list[int] = []
    found = vars(owner)[name] if isinstance(owner, type) else getattr(owner, name)
    real = found.fget if isinstance(found, property) else found

    def raising(*arguments: Any, **named: Any) -> Any:
        calls.append(len(calls) + 1)
        raises = len(calls) == call
        if raises and not after:
            raise error
        result = real(*arguments, **named)
        if raises:
            raise error
        return result

    patch.setattr(owner, name, property(raising) if isinstance(found, property) else raising)
    return calls


STAGES = {
    "claiming": ("autotag.tagging.pipeline.pipeline.claim_many", BUSY),
    "reading what is known": ("autotag.tagging.pipeline.claims._known_predictions", ODD),
    "asking for settings": (),
    "taking up the image": (Examiner, "_take_up", ODD),
    "asking": (provider_calls.Interviewer, "ask", ENDS),
    "reserving a call": ("autotag.tagging.pipeline.provider_calls.reserve_call", BUSY),
    "measuring": ("autotag.tagging.pipeline.provider_calls.note_call", ODD),
    "deciding": ("autotag.tagging.pipeline.examine.conclude", ODD),
    "the policy": ("autotag.tagging.pipeline.decide_outcome.decide", ODD),
    "finding the original": (FolderStorage, "on_disk", ODD),
    "keeping a picture": (FolderStorage, "keep", PermissionError(13, "Permission denied")),
    "finishing the image": (ImageInHand, "finish", ODD),
    "recording": ("autotag.tagging.pipeline.write_outcomes.record_many", BUSY),
    "closing claims": ("autotag.tagging.pipeline.record_outcome.close_claims", ODD),
    "writing predictions": ("autotag.tagging.pipeline.record_outcome._store_predictions", BUSY),
    "making tags": ("autotag.tagging.pipeline.record_outcome.ensure_tags", ODD),
    "searching": ("autotag.media.library.search.refresh", ODD),
    "telling webhooks": ("autotag.tagging.pipeline.record_outcome.note_documents", ODD),
    "noting the outcome": ("autotag.tagging.pipeline.pipeline.note_outcome", ODD),
}
PROVIDERS = {
    "tensorflow": (TensorFlowProvider, "tag", ODD),
    "tensorflow, its model": (TensorFlowProvider, "model_version", ODD),
    "google": (GoogleCloudVisionProvider, "tag", ODD),
    "microsoft": (MicrosoftProvider, "tag", ConnectionError("an OSError that is none of a file")),
    "a package": (Rule, "tag", ENDS),
    "a package, its model": (Rule, "model", FileNotFoundError("a file of its own")),
}


def place_of(stage: tuple[Any, ...]) -> tuple[object, str, BaseException]:
    if len(stage) == 3:
        return stage  # type: ignore[return-value]
    path, error = stage
    module, _, name = path.rpartition(".")
    return __import__(module, fromlist=["_"]), name, error


def check_others(road: Road) -> None:
    """Another tenant is served within two seconds; on a busy machine, compared with its next upload."""
    first, second = road.upload(road.other, 2)
    times = []
    for document_id in (first, second):
        since = time.monotonic()
        (found,) = road.go(road.other, [document_id])
        times.append(time.monotonic() - since)
        assert found.tagging_state is TaggingState.TAGGED
    assert times[0] < 2 + 3 * times[1]


def check_nobody_waits(road: Road, ids: list[int]) -> None:
    """Nothing is left running, and nothing is held against anybody; who waits does so for less than a minute."""
    for found in road.look(ids):
        assert found.tagging_state in (TaggingState.TAGGED, TaggingState.QUEUED)
        assert (found.tagging_crashes, found.tagging_worker_deaths) == (0, 0)
        assert (found.tagging_claim, found.tagging_lease_until) == (None, None)
        if found.tagging_not_before is not None:
            assert found.tagging_not_before < utc_now() + timedelta(minutes=1)
            assert "again" in found.tagging_reason


def check_all_is_tagged_once(road: Road, ids: list[int]) -> None:
    for _ in range(3):
        road.pass_time()
        road.go(road.acme, ids)
    assert [found.tagging_state for found in road.look(ids)] == [TaggingState.TAGGED] * len(ids)
    wanted = ["cat", "from google", "from microsoft", "ruled"]
    assert road.tags(ids) == dict.fromkeys(ids, wanted)
    with road.sessions() as session:
        kept = session.scalar(select(func.count()).select_from(PredictionSet))
        done = session.scalars(
            select(TaggingAttempt.document_id).where(TaggingAttempt.state == TaggingState.TAGGED)
        )
        assert set(Counter(done).values()) == {1}
    assert kept == 4 * (len(ids) + OF_THE_OTHER)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_raises_concerns_one_attempt(
    road: Road, stage: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each as soon as it is ready, so that there are several records.
    monkeypatch.setattr("autotag.tagging.pipeline.pipeline.RECORD_EVERY_SECONDS", 0.0)
    ids = road.upload(road.acme, UPLOADS)
    if stage == "asking for settings":
        owner, name, error = road.pipeline._examiner, "_settings", ODD
    else:
        owner, name, error = place_of(STAGES[stage])
    calls = raise_at(monkeypatch, owner, name, error, call=2, after=after)
    road.go(road.acme, ids)
    assert len(calls) >= 2
    check_nobody_waits(road, ids)
    check_others(road)
    check_all_is_tagged_once(road, ids)
    # One for each content, and none of them a second time.
    assert [len(service.requests) for service in (road.google, road.microsoft)] == [
        UPLOADS + OF_THE_OTHER
    ] * 2


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_that_raises_concerns_one_attempt_and_no_other_provider(
    road: Road, provider: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = road.upload(road.acme, UPLOADS)
    owner, name, error = place_of(PROVIDERS[provider])
    raise_at(monkeypatch, owner, name, error, call=2, after=after)
    found = road.go(road.acme, ids)
    (waiting,) = [one for one in found if one.tagging_state is TaggingState.QUEUED]
    assert waiting.tagging_reason_code == "provider_error"
    assert type(error).__name__ in waiting.tagging_reason
    assert "is asked again" in waiting.tagging_reason
    assert len(road.tags(ids)[waiting.id]) == 3
    check_nobody_waits(road, ids)
    check_others(road)
    check_all_is_tagged_once(road, ids)
    # Only an answer that was lost in the provider itself is asked for again.
    lost = {"google": (1, 0), "microsoft": (0, 1)}.get(provider, (0, 0)) if after else (0, 0)
    asked = [len(service.requests) - UPLOADS - OF_THE_OTHER for service in (road.google, road.microsoft)]
    assert asked == list(lost)


def test_one_that_raises_each_time_is_asked_the_usual_number_of_times_and_the_image_has_the_other_tags(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Answer:
        raise ODD

    monkeypatch.setattr(Rule, "tag", fail)
    ids = road.upload(road.acme, 1)
    for attempt in range(1, MAXIMUM_TRIES):
        (found,) = road.go(road.acme, ids)
        assert (found.tagging_state, found.tagging_attempts) == (TaggingState.QUEUED, attempt)
        road.pass_time()
    (found,) = road.go(road.acme, ids)
    assert found.tagging_state is TaggingState.TAGGED
    assert road.tags(ids)[ids[0]] == ["cat", "from google", "from microsoft"]
    assert (len(road.google.requests), len(road.microsoft.requests)) == (1, 1)


def test_a_document_fails_at_last_that_a_step_of_ours_stumbles_over_each_time(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ODD

    monkeypatch.setattr("autotag.tagging.pipeline.examine.conclude", fail)
    ids = road.upload(road.acme, 1)
    for _ in range(MAXIMUM_TRIES):
        road.pass_time()
        (found,) = road.go(road.acme, ids)
    assert (found.tagging_state, found.tagging_reason_code) == (TaggingState.FAILED, "internal_error")
    assert found.tagging_reason == (
        "Autotag stopped with an error (KeyError); the file is not tried again. The log says more."
    )
    assert (len(road.google.requests), len(road.microsoft.requests)) == (1, 1)


def test_one_outcome_that_cannot_be_written_takes_no_other_with_it(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time, and not only once: the others are written all the same."""
    from autotag.tagging.pipeline import write_outcomes

    ids = road.upload(road.acme, UPLOADS)
    real = write_outcomes.record_many

    def refuse(sessions: Any, finished: Any, worker: str) -> Any:
        if any(held.document_id == ids[2] and outcome.decisions for held, outcome in finished):
            raise ODD
        return real(sessions, finished, worker)

    monkeypatch.setattr(write_outcomes, "record_many", refuse)
    found = road.go(road.acme, ids)
    bad = found.pop(2)
    assert [one.tagging_state for one in found] == [TaggingState.TAGGED] * (UPLOADS - 1)
    assert (bad.tagging_state, bad.tagging_reason_code) == (TaggingState.QUEUED, "internal_error")
    monkeypatch.setattr(write_outcomes, "record_many", real)
    road.pass_time()
    assert [one.tagging_state for one in road.go(road.acme, ids)] == [TaggingState.TAGGED] * UPLOADS
    assert len(road.google.requests) == UPLOADS


def test_the_log_names_document_instance_and_provider_with_the_traceback(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = road.upload(road.acme, 1)
    raise_at(monkeypatch, Rule, "tag", ODD, call=1, after=False)
    with capture_logs() as logs:
        road.go(road.acme, ids)
    (line,) = [line for line in logs if line["event"] == "provider failed"]
    assert (line["instance_id"], line["document_id"], line["provider"]) == (road.acme.id, ids[0], "rule")
    assert line["exc_info"] is ODD
    assert ODD.__traceback__ is not None


def test_an_error_of_the_contract_is_no_error_of_its_own(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    error = ProviderMisconfigured("bad_key", "The key is wrong.")
    raise_at(monkeypatch, Rule, "tag", error, call=1, after=False)
    (found,) = road.go(road.acme, road.upload(road.acme, 1))
    assert found.tagging_reason_code == "waiting_for_rule"
