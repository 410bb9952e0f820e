"""The road of a document, with a real database and storage; only the inference process is a double."""

import errno
import time
from collections.abc import Callable
from concurrent.futures import wait
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Event, Thread

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.effective import TaggingSettings
from autotag.configuration.entries import TENSORFLOW
from autotag.configuration.store import Place, Resolved, Source
from autotag.inference.errors import ImageCode, ImageRejected, ProcessCrashed, RenditionFailed
from autotag.inference.installing.store import ModelStore
from autotag.inference.messages import ImageRequest, ImageResult
from autotag.media.storage.renditions import preview_key, thumbnail_key
from autotag.media.storage.storage import FolderStorage
from autotag.models import (
    AssignmentSource,
    Document,
    PredictionSet,
    ProviderState,
    ProviderStatus,
    Tag,
    TagAssignment,
    TaggingAttempt,
    TaggingState,
)
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.providers.base import Answer, AutoTagProvider, ProviderMisconfigured
from autotag.providers.tensorflow import TensorFlowProvider
from autotag.tagging import jobs
from autotag.tagging.pipeline.claims import Claim, claim
from autotag.tagging.pipeline.pipeline import CLAIM_FOR_SECONDS, TOGETHER, TOGETHER_AT_FIRST, Pipeline
from autotag.tagging.pipeline.provider_calls import Interviewer
from autotag.tagging.pipeline.release_claims import release_claims_of
from autotag.tagging.provider_health.circuit_breaker import resume
from autotag.tagging.queueing.queue import TaggingQueue
from tests.unit.conftest import Factory, ScriptedProcess

CRASH = ProcessCrashed("Killed by signal 9.", "exit")


@dataclass(frozen=True)
class Entry:
    """What the pipeline reads of a provider's settings."""

    provider: str = "tensorflow"
    confidence_threshold: float = 0.1
    model: str = "toy"

    @property
    def resolved(self) -> Resolved:
        return Resolved(TENSORFLOW, {}, Source.OWN, Place.of(TENSORFLOW))


class PickyProvider:
    """A provider that fails, or that takes one type only and never looks."""

    name = title = "picky"
    sends_image = False
    model = model_version = "picky 1"

    def __init__(self, mime_types: frozenset[str], error: Exception | None = None) -> None:
        self.mime_types = mime_types
        self._error = error

    def tag(self, _image: object) -> Answer:
        if self._error is not None:
            raise self._error
        return Answer((), self.model, self.model_version)


@dataclass
class Road:
    """A pipeline whose settings and providers a test can change, and a look at what became of a document."""

    sessions: sessionmaker[Session]
    storage: FolderStorage
    process: ScriptedProcess
    models: ModelStore
    settings: TaggingSettings
    providers: dict[str, AutoTagProvider] = field(default_factory=dict)

    def pipeline(self) -> Pipeline:
        return Pipeline(
            sessions=self.sessions,
            storage=self.storage,
            process=self.process,  # type: ignore[arg-type]
            decoder=self.process,  # type: ignore[arg-type]
            settings=lambda *_: self.settings,
            build_provider=self._build,
            worker="worker-1",
        )

    def _build(self, entry: Entry) -> AutoTagProvider:  # type: ignore[override]
        return self.providers.get(entry.provider) or TensorFlowProvider(self.models, entry.model)

    def go(self, document: Document) -> Document:
        self.pipeline().tag(document.instance_id, document.id)
        return self.look(document)

    def look(self, document: Document) -> Document:
        with self.sessions() as session:
            return session.get_one(Document, document.id)

    def tags(self, document: Document) -> list[str]:
        statement = select(Tag.name).join(TagAssignment).where(TagAssignment.document_id == document.id)
        with self.sessions() as session:
            return list(session.scalars(statement.order_by(TagAssignment.confidence.desc())))


@pytest.fixture
def road(
    sessions: sessionmaker[Session], storage: FolderStorage, process: ScriptedProcess, models: ModelStore
) -> Road:
    settings = TaggingSettings(
        refusal="",
        maximum_number_of_tags=0,
        providers=(Entry(),),  # type: ignore[arg-type]
        maximum_pixels=1000,
    )
    return Road(sessions, storage, process, models, settings)


@pytest.fixture
def upload(make: Factory, keep: Callable[[bytes], str]) -> Callable[..., Document]:
    instance = make.instance()

    def upload(content: bytes = b"picture", **values: object) -> Document:
        return make.document(instance, sha256=keep(content), **values)

    return upload


def test_an_image_is_tagged(road: Road, upload: Callable[..., Document]) -> None:
    road.process.script = [[("cat", 0.9), ("dog", 0.4), ("bird", 0.05)]]
    document = road.go(upload())
    assert (document.tagging_state, document.tagging_reason) == (TaggingState.TAGGED, "")
    assert road.tags(document) == ["cat", "dog"]
    assert (document.width, document.height, document.placeholder) == (640, 480, "tiny")
    assert road.storage.exists(thumbnail_key(document.sha256))
    assert road.storage.exists(preview_key(document.sha256))


def test_the_maximum_of_the_settings_holds(road: Road, upload: Callable[..., Document]) -> None:
    road.settings = replace(road.settings, maximum_number_of_tags=1)
    road.process.script = [[("cat", 0.9), ("dog", 0.4)]]
    assert road.tags(road.go(upload())) == ["cat"]


def test_an_image_without_a_good_prediction_has_no_tags_and_keeps_what_was_predicted(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.process.script = [[("cat", 0.05)]]
    document = road.go(upload())
    assert (document.tagging_state, document.tagging_reason_code) == (TaggingState.NO_TAGS, "no_tags")
    assert "cat with 0.05" in document.tagging_reason
    assert document.has_renditions
    with road.sessions() as session:
        assert session.scalars(select(PredictionSet.predictions)).one() == [["cat", 0.05]]


@pytest.mark.parametrize(
    ("mime_type", "file_name", "state", "code"),
    [
        ("application/pdf", "a.pdf", TaggingState.SKIPPED, "type_not_taken"),
        ("text/plain", "a", TaggingState.SKIPPED, "type_not_taken"),
        ("text/plain", "a.JPG", TaggingState.FAILED, "not_an_image"),
    ],
)
def test_what_is_no_image_is_not_looked_at(
    road: Road,
    upload: Callable[..., Document],
    mime_type: str,
    file_name: str,
    state: TaggingState,
    code: str,
) -> None:
    document = road.go(upload(mime_type=mime_type, file_name=file_name))
    assert (document.tagging_state, document.tagging_reason_code) == (state, code)
    assert mime_type in document.tagging_reason
    assert road.process.requests == []
    assert not document.has_renditions


def test_while_tagging_is_switched_off_an_image_still_gets_its_thumbnail(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.settings = replace(road.settings, refusal="Auto tagging is off.")
    document = road.go(upload())
    assert (document.tagging_state, document.tagging_reason) == (TaggingState.SKIPPED, "Auto tagging is off.")
    assert document.has_renditions
    assert [request.model for request in road.process.requests] == [None]


def test_a_document_with_tags_gets_no_more(
    road: Road, upload: Callable[..., Document], make: Factory
) -> None:
    document = upload()
    make.tag(document, "mine")
    found = road.go(document)
    assert (found.tagging_state, found.tagging_reason_code) == (TaggingState.SKIPPED, "tagged_by_person")
    assert found.tagging_reason == "A person gave it tags, so none were added automatically."
    assert road.tags(document) == ["mine"]
    assert found.has_renditions


def test_a_document_with_automatic_tags_only_gets_no_more_either(
    road: Road, upload: Callable[..., Document], make: Factory
) -> None:
    document = upload()
    make.tag(document, "cat", source=AssignmentSource.AUTO)
    found = road.go(document)
    assert (found.tagging_state, found.tagging_reason_code) == (TaggingState.SKIPPED, "has_tags")
    assert road.tags(document) == ["cat"]


def test_a_document_with_tags_gets_more_on_request(
    road: Road, upload: Callable[..., Document], make: Factory
) -> None:
    document = upload(tagging_requested=True)
    make.tag(document, "mine")
    road.process.script = [[("cat", 0.9)]]
    assert road.go(document).tagging_state is TaggingState.TAGGED
    assert sorted(road.tags(document)) == ["cat", "mine"]


def test_what_was_said_and_made_of_the_same_bytes_before_is_used_on_request(
    road: Road, upload: Callable[..., Document]
) -> None:
    document = road.go(upload())
    assert len(road.process.requests) == 1
    again = {"tagging_state": TaggingState.QUEUED, "tagging_requested": True}

    def request() -> Document:
        with road.sessions() as session, unit_of_work(session) as work:
            work.session.execute(update(Document).where(Document.id == document.id).values(**again))
        return road.go(document)

    assert request().tagging_reason_code == "already_there"
    assert len(road.process.requests) == 1
    road.storage.delete(thumbnail_key(document.sha256))
    request()
    assert len(road.process.requests) == 2
    assert road.storage.exists(thumbnail_key(document.sha256))


def test_a_type_that_no_provider_takes_is_skipped(road: Road, upload: Callable[..., Document]) -> None:
    road.providers["tensorflow"] = PickyProvider(frozenset({"image/jpeg"}))
    document = road.go(upload())
    assert (document.tagging_state, document.tagging_reason_code) == (TaggingState.SKIPPED, "type_not_taken")
    assert "image/png" in document.tagging_reason


def test_an_image_that_cannot_be_decoded_fails_with_its_reason(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.process.script = [ImageRejected(ImageCode.TRUNCATED_IMAGE, "The image is cut off.")]
    document = road.go(upload())
    assert document.tagging_state is TaggingState.FAILED
    assert (document.tagging_reason_code, document.tagging_reason) == (
        "truncated_image",
        "The image is cut off.",
    )
    assert not document.has_renditions


def test_a_provider_that_is_set_up_wrongly_is_paused_and_the_document_waits(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.settings = replace(road.settings, providers=(Entry(model="gone"),))  # type: ignore[arg-type]
    document = road.go(upload())
    assert document.tagging_state is TaggingState.QUEUED
    assert document.tagging_reason_code == "waiting_for_tensorflow"
    assert "gone" in document.tagging_reason
    assert document.has_renditions
    with road.sessions() as session:
        assert session.scalars(select(ProviderState.status)).all() == [ProviderStatus.PAUSED]


def test_one_provider_that_fails_does_not_lose_what_another_said(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.settings = replace(road.settings, providers=(Entry("broken"), Entry()))  # type: ignore[arg-type]
    error = ProviderMisconfigured("bad_key", "The key is wrong.")
    road.providers["broken"] = PickyProvider(frozenset({"image/png"}), error)
    document = road.go(upload())
    assert document.tagging_state is TaggingState.QUEUED
    assert road.tags(document) == ["cat"]


class Mending(PickyProvider):
    """One that answers, and meanwhile an administrator resumes another one."""

    def __init__(self, sessions: sessionmaker[Session], other: str) -> None:
        super().__init__(frozenset({"image/png"}))
        self._sessions, self._other = sessions, other

    def tag(self, image: object) -> Answer:
        with self._sessions() as session, unit_of_work(session) as work:
            resume(work, self._other)
        return super().tag(image)


def test_a_provider_that_is_resumed_while_the_image_is_in_hand_is_asked_again_at_once(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.settings = replace(road.settings, providers=(Entry("broken"), Entry("mending")))  # type: ignore[arg-type]
    error = ProviderMisconfigured("bad_key", "The key is wrong.")
    road.providers["broken"] = PickyProvider(frozenset({"image/png"}), error)
    road.providers["mending"] = Mending(road.sessions, "broken")
    document = road.go(upload())
    assert (document.tagging_state, document.tagging_not_before) == (TaggingState.QUEUED, None)
    road.providers["broken"] = PickyProvider(frozenset({"image/png"}))
    assert road.go(document).tagging_state is TaggingState.NO_TAGS


def test_the_image_in_hand_when_the_process_died_is_tried_once_more(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.process.script = [CRASH, [("cat", 0.9)]]
    document = road.go(upload(tagging_enqueued_at=utc_now()))
    assert (document.tagging_state, document.tagging_reason_code) == (TaggingState.QUEUED, "process_died")
    assert "Killed by signal 9." in document.tagging_reason
    assert document.tagging_enqueued_at is None
    again = road.go(document)
    assert (again.tagging_state, again.tagging_attempts) == (TaggingState.TAGGED, 2)


def test_an_image_that_the_process_died_on_twice_is_quarantined(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.process.script = [CRASH]
    document = upload()
    road.go(document)
    found = road.go(document)
    assert (found.tagging_state, found.tagging_reason_code) == (TaggingState.QUARANTINED, "process_died")
    assert "2 times" in found.tagging_reason
    assert road.pipeline().tag(document.instance_id, document.id) is None
    assert len(road.process.requests) == 2


def test_a_disk_that_takes_no_thumbnail_puts_the_document_back_for_later(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.process.script = [RenditionFailed("No space left on device")]
    document = road.go(upload())
    assert (document.tagging_state, document.tagging_reason_code) == (TaggingState.QUEUED, "storage")
    assert document.tagging_not_before is not None
    assert document.tagging_not_before > utc_now() + timedelta(seconds=30)


def test_a_machine_without_free_file_numbers_puts_the_document_back_for_later(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.process.script = [OSError(errno.EMFILE, "Too many open files")]
    document = road.go(upload())
    assert (document.tagging_state, document.tagging_reason_code) == (TaggingState.QUEUED, "storage")
    assert document.tagging_reason == (
        "Its files could not be read or stored; it is tried again. Too many open files."
    )


def test_a_stored_file_that_is_gone_is_a_failure(road: Road, make: Factory) -> None:
    document = road.go(make.document(make.instance()))
    assert (document.tagging_state, document.tagging_reason_code) == (TaggingState.FAILED, "file_missing")


def test_what_is_not_there_to_take_is_no_outcome(road: Road, upload: Callable[..., Document]) -> None:
    document = upload()
    assert road.pipeline().tag(document.instance_id + 1, document.id) is None
    assert road.pipeline().tag(document.instance_id, document.id + 1) is None
    assert road.process.requests == []


@pytest.mark.sqlite
def test_no_transaction_is_open_while_an_image_is_examined(
    road: Road, upload: Callable[..., Document]
) -> None:
    """Another process must be able to write at once, however long the image takes."""
    written: list[bool] = []

    def write() -> None:
        with road.sessions() as session:
            session.execute(text("PRAGMA busy_timeout = 0"))
            with unit_of_work(session) as work:
                work.session.execute(update(Document).values(description="written meanwhile"))
            written.append(True)

    road.process.during = write
    document = road.go(upload())
    assert written == [True]
    assert (document.tagging_state, document.description) == (TaggingState.TAGGED, "written meanwhile")


def test_a_document_deleted_meanwhile_for_good_is_no_outcome(
    road: Road, upload: Callable[..., Document]
) -> None:
    document = upload()

    def delete() -> None:
        with road.sessions() as session, unit_of_work(session) as work:
            work.session.delete(work.session.get_one(Document, document.id))

    road.process.during = delete
    assert road.pipeline().tag(document.instance_id, document.id) is None
    with road.sessions() as session:
        assert session.scalars(select(TaggingAttempt)).all() == []
        assert session.scalars(select(Tag)).all() == []


def test_the_time_that_an_attempt_took_is_kept(road: Road, upload: Callable[..., Document]) -> None:
    import time

    road.process.during = lambda: time.sleep(0.02)
    road.go(upload())
    with road.sessions() as session:
        assert 0.02 <= session.scalars(select(TaggingAttempt.seconds)).one() < 5


def test_a_job_that_runs_twice_has_the_outcome_of_one(
    road: Road, upload: Callable[..., Document], queue: TaggingQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_bound", [])
    jobs.bind(road.pipeline(), queue)
    documents = [upload(bytes([number])) for number in range(3)]
    ids = [document.id for document in documents]
    jobs.tag_documents(documents[0].instance_id, ids)
    before = snapshot(road)
    jobs.tag_documents(documents[0].instance_id, ids)
    assert snapshot(road) == before
    assert [road.tags(document) for document in documents] == [["cat"]] * 3
    assert len(road.process.requests) == 3


def snapshot(road: Road) -> list[list[tuple[object, ...]]]:
    tables = (Document, Tag, TagAssignment, TaggingAttempt, PredictionSet)
    with road.sessions() as session:
        return [[tuple(row) for row in session.execute(select(model.__table__))] for model in tables]


def test_documents_taken_together_are_each_tagged_and_recorded(
    road: Road, upload: Callable[..., Document]
) -> None:
    documents = [upload(bytes([number])) for number in range(20)]
    ids = [document.id for document in documents]
    outcomes = road.pipeline().tag_many(documents[0].instance_id, ids).outcomes
    assert [outcome.state for outcome in outcomes] == [TaggingState.TAGGED] * 20
    assert [road.tags(document) for document in documents] == [["cat"]] * 20
    with road.sessions() as session:
        attempts = session.scalars(select(TaggingAttempt)).all()
        pairs = session.execute(select(TagAssignment.document_id, TagAssignment.attempt_id)).all()
    assert sorted(attempt.document_id for attempt in attempts) == ids
    assert {pair[0]: pair[1] for pair in pairs} == {attempt.document_id: attempt.id for attempt in attempts}


def test_a_document_that_a_process_died_on_is_taken_alone(
    road: Road, upload: Callable[..., Document]
) -> None:
    suspect = upload(b"suspect", tagging_crashes=1)
    documents = [upload(b"one"), suspect, upload(b"two")]
    running: list[int] = []

    def count() -> None:
        with road.sessions() as session:
            found = select(Document.id).where(Document.tagging_state == TaggingState.RUNNING)
            running.append(len(session.scalars(found).all()))

    road.process.during = count
    road.pipeline().tag_many(suspect.instance_id, [document.id for document in documents])
    assert running == [2, 2, 1]
    assert [road.look(document).tagging_state for document in documents] == [TaggingState.TAGGED] * 3


def test_one_that_is_taken_alone_is_so_whatever_the_pace(
    road: Road, upload: Callable[..., Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At one document a claim, a claim of one is not the only one in hand."""
    monkeypatch.setattr("autotag.tagging.pipeline.pipeline.TOGETHER_AT_FIRST", 1)
    suspect = upload(b"suspect", tagging_crashes=1)
    documents = [upload(b"one"), suspect, upload(b"two")]
    at_once: list[int] = []
    process, inside = road.process.process, []

    def watch(request: ImageRequest) -> ImageResult:
        inside.append(request)
        time.sleep(0.1)
        if request.path.read_bytes() == b"suspect":
            at_once.append(len(inside))
        try:
            return process(request)
        finally:
            inside.remove(request)

    monkeypatch.setattr(road.process, "process", watch)
    # So that nothing but the order keeps them from being in the process at once.
    monkeypatch.setattr(Interviewer, "_turn", lambda *_: nullcontext())
    road.pipeline().tag_many(suspect.instance_id, [document.id for document in documents])
    assert at_once == [1]
    assert [road.look(document).tagging_state for document in documents] == [TaggingState.TAGGED] * 3


def test_after_a_hard_restart_the_first_time_out_of_an_image_is_no_quarantine(
    road: Road, upload: Callable[..., Document]
) -> None:
    document = upload()
    for _ in range(2):
        assert claim(road.sessions, document.instance_id, document.id, "worker-1")
        assert release_claims_of(road.sessions, "worker-1") == 1
    road.process.script = [ProcessCrashed("It did not answer within 30 seconds.", "timeout"), [("cat", 0.9)]]
    found = road.go(document)
    assert (found.tagging_state, found.tagging_crashes, found.tagging_worker_deaths) == (
        TaggingState.QUEUED,
        1,
        0,
    )
    assert found.tagging_reason == "The image is tried once more: It did not answer within 30 seconds."
    again = road.go(document)
    assert (again.tagging_state, again.tagging_crashes) == (TaggingState.TAGGED, 0)


def test_while_one_image_is_in_the_process_the_next_is_made_ready_and_the_last_ones_are_recorded(
    road: Road, upload: Callable[..., Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autotag.tagging.pipeline.pipeline.RECORD_EVERY_SECONDS", 0.0)
    documents = [upload(bytes([number])) for number in range(5)]
    first_left, another_begins, first_recorded = Event(), Event(), Event()
    process = road.process.process

    # In whichever order they get their turns: the first is asked for first, and others follow it.
    def hold_another(request: ImageRequest) -> ImageResult:
        if first_left.is_set():
            another_begins.set()
            assert first_recorded.wait(10), "nothing was recorded while the process had an image"
        result = process(request)
        if request.path.read_bytes() == bytes([0]):
            first_left.set()
        return result

    def watch() -> None:
        assert another_begins.wait(10)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if road.look(documents[0]).tagging_state is TaggingState.TAGGED:
                first_recorded.set()
                return

    monkeypatch.setattr(road.process, "process", hold_another)
    watcher = Thread(target=watch)
    watcher.start()
    outcomes = (
        road.pipeline().tag_many(documents[0].instance_id, [document.id for document in documents]).outcomes
    )
    watcher.join()
    assert [outcome.state for outcome in outcomes] == [TaggingState.TAGGED] * 5


def test_the_wait_for_a_turn_is_no_part_of_the_time_that_an_attempt_took(
    road: Road, upload: Callable[..., Document]
) -> None:
    documents = [upload(bytes([number])) for number in range(4)]
    road.process.during = lambda: time.sleep(0.2)
    outcomes = (
        road.pipeline().tag_many(documents[0].instance_id, [document.id for document in documents]).outcomes
    )
    assert all(0.2 <= outcome.seconds < 0.39 for outcome in outcomes)


def test_a_job_that_is_interrupted_ends_what_it_has_claimed_and_leaves_the_rest(
    road: Road, upload: Callable[..., Document]
) -> None:
    documents = [upload(bytes([number])) for number in range(12)]
    ids = [document.id for document in documents]
    worked = road.pipeline().tag_many(documents[0].instance_id, ids, is_interrupted=lambda: True)
    assert [outcome.state for outcome in worked.outcomes] == [TaggingState.TAGGED] * TOGETHER_AT_FIRST
    assert worked.left == ids[TOGETHER_AT_FIRST:]
    states = [road.look(document).tagging_state for document in documents]
    assert states[TOGETHER_AT_FIRST:] == [TaggingState.QUEUED] * len(worked.left)


def test_a_job_that_is_not_interrupted_leaves_nothing(road: Road, upload: Callable[..., Document]) -> None:
    documents = [upload(bytes([number])) for number in range(12)]
    worked = road.pipeline().tag_many(
        documents[0].instance_id, [document.id for document in documents], is_interrupted=lambda: False
    )
    assert (len(worked.outcomes), worked.left) == (12, [])


@pytest.mark.parametrize(
    ("seconds", "together"), [(0.0, TOGETHER), (CLAIM_FOR_SECONDS / 3, 3), (10 * CLAIM_FOR_SECONDS, 1)]
)
def test_as_many_are_claimed_at_a_time_as_take_a_moment(
    road: Road,
    upload: Callable[..., Document],
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    together: int,
) -> None:
    pipeline = road.pipeline()
    claimed: list[int] = []

    def claim_none(
        _sessions: object, _instance_id: int, ids: list[int], _worker: str, **_: object
    ) -> list[Claim]:
        claimed.append(len(ids))
        return []

    monkeypatch.setattr("autotag.tagging.pipeline.pipeline.claim_many", claim_none)
    instance_id = upload().instance_id
    pipeline._seconds_each[instance_id] = seconds
    pipeline.tag_many(instance_id, list(range(1000, 1004 + TOGETHER)))
    assert claimed[0] == together


def test_what_interrupts_a_job_begins_with_no_other_image_and_gives_the_rest_back(
    road: Road, upload: Callable[..., Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [upload(bytes([number])) for number in range(12)]
    examined: list[None] = []
    interrupted: list[None] = []

    def interrupt_once(*arguments: object) -> object:
        if not interrupted:
            interrupted.append(None)
            raise KeyboardInterrupt
        return wait(*arguments)  # type: ignore[arg-type]

    road.process.during = lambda: examined.append(None)
    monkeypatch.setattr("autotag.tagging.pipeline.pipeline.TOGETHER_AT_FIRST", 12)
    monkeypatch.setattr("autotag.tagging.pipeline.pipeline.wait", interrupt_once)
    with pytest.raises(KeyboardInterrupt):
        road.pipeline().tag_many(documents[0].instance_id, [document.id for document in documents])
    assert len(examined) <= 4
    found = [road.look(document) for document in documents]
    left = [document for document in found if document.tagging_state is TaggingState.QUEUED]
    assert len(left) >= 12 - len(examined)
    facts = {
        (document.tagging_attempts, document.tagging_worker_deaths, document.tagging_claim)
        for document in left
    }
    assert facts == {(0, 0, None)}


def test_keywords_are_read_with_the_first_decode_where_they_are_imported(
    road: Road, upload: Callable[..., Document], process: ScriptedProcess
) -> None:
    document = upload()
    process.keywords = ("beach",)
    road.settings = replace(road.settings, imports_keywords=True)
    assert road.go(document).tagging_state is TaggingState.TAGGED
    assert set(road.tags(document)) == {"cat", "beach"}
    assert [request.reads_keywords for request in process.requests] == [True]


def test_keywords_are_left_alone_where_they_are_not_imported(
    road: Road, upload: Callable[..., Document], process: ScriptedProcess
) -> None:
    document = upload()
    process.keywords = ("beach",)
    road.go(document)
    assert road.tags(document) == ["cat"]


def test_keywords_are_imported_where_nothing_tags(
    road: Road, upload: Callable[..., Document], process: ScriptedProcess
) -> None:
    document = upload()
    process.keywords = ("beach",)
    road.settings = replace(road.settings, imports_keywords=True, refusal="It is off.")
    assert road.go(document).tagging_state is TaggingState.SKIPPED
    assert road.tags(document) == ["beach"]


def test_a_document_that_was_looked_at_before_is_not_read_again(
    road: Road, upload: Callable[..., Document], process: ScriptedProcess, sessions: sessionmaker[Session]
) -> None:
    document = upload()
    road.go(document)
    process.keywords = ("beach",)
    road.settings = replace(road.settings, imports_keywords=True)
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(
            update(Document).values(tagging_state=TaggingState.QUEUED, tagging_requested=True)
        )
    road.go(document)
    assert not any(request.reads_keywords for request in process.requests)
