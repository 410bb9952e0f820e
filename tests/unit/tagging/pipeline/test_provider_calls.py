"""Several providers on one image: what each failure leads to, and that no answer is ever lost."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.declaration import Entry, Scope, integer, threshold
from autotag.configuration.effective import ProviderSettings, TaggingSettings
from autotag.configuration.store import Place, Resolved, Source
from autotag.inference.errors import ProcessCrashed, ProcessDisabled, ProcessNotStarted
from autotag.inference.process.process import Prediction
from autotag.media.storage.storage import FolderStorage
from autotag.models import Document, ProcessState, Tag, TagAssignment, TaggingState
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.providers.base import (
    Answer,
    ImageUnsuitable,
    ProviderMisconfigured,
    ProviderUnavailable,
    TaggableImage,
)
from autotag.tagging.pipeline.pipeline import Pipeline
from autotag.tagging.pipeline.trouble import MAXIMUM_TRIES
from autotag.tagging.provider_health.circuit_breaker import resume
from tests.unit.conftest import Factory, ScriptedProcess

DOWN = ProviderUnavailable("unavailable", "The service answered 503.")
WRONG = ProviderMisconfigured("bad_credentials", "The API key is wrong.")
LONG_ENOUGH_TO_CLAIM_MORE = 0.1
SMALL = ImageUnsuitable("image_too_small", "The image is too small for this service.")


@dataclass
class Scripted:
    """A provider that answers from a script: pairs of name and score, or an error. The last one is repeated.

    It takes `seconds` to answer.
    """

    name: str
    script: list[Sequence[tuple[str, float]] | Exception]
    sends_image: bool = True
    asked: int = 0
    seconds: float = 0.0
    mime_types: frozenset[str] = frozenset({"image/png"})
    model: str = "m"
    model_version: str = "1"

    @property
    def title(self) -> str:
        return self.name.title()

    def tag(self, _image: TaggableImage) -> Answer:
        step = self.script[min(self.asked, len(self.script) - 1)]
        self.asked += 1
        time.sleep(self.seconds)
        if isinstance(step, Exception):
            raise step
        return Answer([Prediction(*pair) for pair in step], self.model, self.model_version)


@dataclass
class Road:
    sessions: sessionmaker[Session]
    pipeline: Pipeline
    providers: dict[str, Scripted] = field(default_factory=dict)
    maximum: int = 0
    calls: int = 0

    def settings(self, _instance_id: int, _version: int) -> TaggingSettings:
        entries = tuple(ProviderSettings(self._resolved(name)) for name in self.providers)
        return TaggingSettings("", self.maximum, entries, 1000)

    def _resolved(self, name: str) -> Resolved:
        fields = (threshold(0.1, name), integer("maximum_number_of_calls", "Calls", 0, "Help.", 0, 9))
        entry = Entry(
            key=name,
            title=name.title(),
            category="",
            scope=Scope.INSTANCE,
            help="",
            fields=fields,
            provider=name,
        )
        values = {"confidence_threshold": 0.1, "maximum_number_of_calls": self.calls}
        return Resolved(entry, values, Source.OWN, Place.of(entry, 1))

    def add(self, name: str, *script: Sequence[tuple[str, float]] | Exception) -> Scripted:
        self.providers[name] = Scripted(name, list(script))
        return self.providers[name]

    def go(self, document: Document) -> Document:
        """Tag a document, whatever time it was to be taken again at."""
        with self.sessions() as session, unit_of_work(session) as work:
            work.session.execute(update(Document).values(tagging_not_before=None))
        self.pipeline.tag(document.instance_id, document.id)
        with self.sessions() as session:
            return session.get_one(Document, document.id)

    def tags(self, document: Document) -> list[tuple[str, str | None]]:
        statement = (
            select(Tag.name, TagAssignment.provider)
            .join(TagAssignment, TagAssignment.tag_id == Tag.id)
            .where(TagAssignment.document_id == document.id)
            .order_by(TagAssignment.confidence.desc(), Tag.name)
        )
        with self.sessions() as session:
            return [(row[0], row[1]) for row in session.execute(statement)]


@pytest.fixture
def road(sessions: sessionmaker[Session], storage: FolderStorage, process: ScriptedProcess) -> Road:
    road = Road(sessions, None)  # type: ignore[arg-type]
    road.pipeline = Pipeline(
        sessions=sessions,
        storage=storage,
        process=process,  # type: ignore[arg-type]
        decoder=process,  # type: ignore[arg-type]
        settings=road.settings,
        build_provider=lambda entry: road.providers[entry.provider],
        worker="worker-1",
    )
    return road


@pytest.fixture
def upload(make: Factory, keep: Callable[[bytes], str]) -> Callable[..., Document]:
    instance = make.instance()

    def upload(content: bytes = b"picture", **values: object) -> Document:
        return make.document(instance, sha256=keep(content), **values)

    return upload


def test_answers_are_united_by_confidence_and_cut_at_the_maximum(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.maximum = 3
    road.add("one", [("cat", 0.5), ("sofa", 0.2)])
    road.add("two", [("Cat", 0.9), ("animal", 0.4)])
    road.add("three", [("whiskers", 0.6)])
    assert road.tags(road.go(upload())) == [("Cat", "two"), ("whiskers", "three"), ("animal", "two")]


@pytest.mark.parametrize("late", list(permutations(["one", "two", "three"])))
def test_the_outcome_is_the_same_whatever_the_order_in_which_they_answer(
    road: Road, upload: Callable[..., Document], late: tuple[str, ...]
) -> None:
    """Each provider answers one attempt later than the one before it."""
    road.maximum = 2
    said = {"one": [("cat", 0.5)], "two": [("Cat", 0.9), ("animal", 0.4)], "three": [("whiskers", 0.6)]}
    for name, answer in said.items():
        road.add(name, *[DOWN] * late.index(name), answer)
    document = upload()
    for _ in range(3):
        _forget_troubles(road)
        found = road.go(document)
    assert found.tagging_state is TaggingState.TAGGED
    # Whoever came first gave the tag its capital letters; that is all that may differ.
    assert [(name.lower(), provider) for name, provider in road.tags(found)] == [
        ("cat", "two"),
        ("whiskers", "three"),
    ]


def _forget_troubles(road: Road) -> None:
    with road.sessions() as session, unit_of_work(session) as work:
        for name in road.providers:
            resume(work, name)


def test_a_service_that_is_down_keeps_the_document_waiting_with_the_tags_of_the_others(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.add("down", DOWN)
    good = road.add("good", [("cat", 0.9)])
    found = road.go(upload())
    assert (found.tagging_state, found.tagging_reason_code) == (TaggingState.QUEUED, "waiting_for_down")
    assert found.tagging_not_before is not None
    assert found.tagging_not_before > utc_now()
    assert road.tags(found) == [("cat", "good")]
    _forget_troubles(road)
    road.go(found)
    assert good.asked == 1


def test_while_a_service_is_down_other_documents_do_not_ask_it(
    road: Road, upload: Callable[..., Document]
) -> None:
    down = road.add("down", DOWN)
    documents = [road.go(upload(bytes([number]))) for number in range(20)]
    assert down.asked == 1
    assert {document.tagging_state for document in documents} == {TaggingState.QUEUED}
    assert [document.tagging_attempts for document in documents] == [1] + [0] * 19


def test_when_the_service_is_back_everything_that_waited_is_tagged(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.add("down", DOWN, DOWN, [("cat", 0.9)])
    documents = [road.go(upload(bytes([number]))) for number in range(5)]
    _let_time_pass(road)
    assert road.go(documents[0]).tagging_state is TaggingState.QUEUED
    _let_time_pass(road)
    assert [road.go(document).tagging_state for document in documents] == [TaggingState.TAGGED] * 5


def _let_time_pass(road: Road) -> None:
    from autotag.models import ProviderState

    with road.sessions() as session, unit_of_work(session) as work:
        work.session.execute(update(ProviderState).values(retry_at=utc_now() - timedelta(seconds=1)))


def test_after_the_last_try_the_document_fails_with_the_reason(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.add("down", DOWN)
    document = upload()
    for _ in range(MAXIMUM_TRIES):
        _let_time_pass(road)
        document = road.go(document)
    assert (document.tagging_state, document.tagging_reason) == (
        TaggingState.FAILED,
        "The service answered 503.",
    )


def test_wrong_settings_pause_the_provider_and_resuming_asks_again(
    road: Road, upload: Callable[..., Document]
) -> None:
    wrong = road.add("wrong", WRONG, [("cat", 0.9)])
    documents = [upload(bytes([number])) for number in range(3)]
    found = [road.go(document) for document in documents]
    assert wrong.asked == 1
    assert all("paused: The API key is wrong." in document.tagging_reason for document in found)
    _forget_troubles(road)
    assert [road.go(document).tagging_state for document in documents] == [TaggingState.TAGGED] * 3


def test_an_image_that_one_service_cannot_take_is_tagged_by_another(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.add("picky", SMALL)
    road.add("good", [("cat", 0.9)])
    found = road.go(upload())
    assert (found.tagging_state, road.tags(found)) == (TaggingState.TAGGED, [("cat", "good")])


def test_an_image_that_no_service_can_take_is_skipped_with_the_reason(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.add("picky", SMALL)
    found = road.go(upload())
    assert (found.tagging_state, found.tagging_reason) == (TaggingState.SKIPPED, SMALL.message)


def test_the_same_bytes_are_sent_once(road: Road, upload: Callable[..., Document]) -> None:
    good = road.add("good", [("cat", 0.9)])
    first, second = road.go(upload(b"same")), road.go(upload(b"same"))
    assert good.asked == 1
    assert road.tags(first) == road.tags(second) == [("cat", "good")]
    good.model_version = "2"
    road.go(upload(b"same"))
    assert good.asked == 2


def test_beyond_the_months_limit_documents_wait_for_the_next_month(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.calls = 1
    good = road.add("good", [("cat", 0.9)])
    road.go(upload(b"one"))
    found = road.go(upload(b"two"))
    assert good.asked == 1
    assert found.tagging_state is TaggingState.QUEUED
    assert "1 images that this month allows" in found.tagging_reason


def test_a_provider_that_stays_on_this_machine_is_not_counted(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.calls = 1
    road.add("local", [("cat", 0.9)]).sends_image = False
    assert [road.go(upload(bytes([number]))).tagging_state for number in range(3)] == [
        TaggingState.TAGGED
    ] * 3


def test_a_crash_of_tensorflow_is_counted_and_another_provider_goes_on(
    road: Road, upload: Callable[..., Document], session: Session
) -> None:
    road.add("tensorflow", ProcessCrashed("Killed by signal 9.", "exit"))
    road.add("good", [("cat", 0.9)])
    document = road.go(upload())
    assert document.tagging_state is TaggingState.QUEUED
    found = road.go(document)
    assert (found.tagging_state, found.tagging_reason_code) == (TaggingState.QUARANTINED, "process_died")
    assert road.tags(found) == [("cat", "good")]
    assert session.scalars(select(ProcessState.crashes)).one() == 2


def test_a_crash_while_another_provider_is_asked_is_none_of_tensorflow(
    road: Road, upload: Callable[..., Document], session: Session
) -> None:
    road.add("cloud", ProcessCrashed("Killed by signal 9.", "exit"))
    road.go(upload())
    assert session.scalars(select(ProcessState)).all() == []


def test_while_the_process_is_disabled_documents_wait_and_others_go_on(
    road: Road, upload: Callable[..., Document], sessions: sessionmaker[Session]
) -> None:
    with sessions() as session, unit_of_work(session) as work:
        work.session.add(ProcessState(id=1, crashes=9, disabled_at=utc_now()))
    process = road.add("tensorflow", [("dog", 0.9)])
    road.add("good", [("cat", 0.9)])
    found = road.go(upload())
    assert (found.tagging_state, found.tagging_reason_code) == (TaggingState.QUEUED, "process_disabled")
    assert process.asked == 0
    assert road.tags(found) == [("cat", "good")]


def test_an_image_that_finds_the_process_dead_and_disabled_waits_with_no_blame(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.add("tensorflow", ProcessDisabled("It was ended by SIGKILL."))
    road.add("good", [("cat", 0.9)])
    found = road.go(upload())
    assert (found.tagging_state, found.tagging_reason_code) == (TaggingState.QUEUED, "process_disabled")
    assert (found.tagging_crashes, road.tags(found)) == (0, [("cat", "good")])


def test_a_process_that_cannot_be_started_is_counted_and_no_image_is_to_blame(
    road: Road, upload: Callable[..., Document], session: Session
) -> None:
    road.add(
        "tensorflow",
        *[ProcessNotStarted("It did not answer within 60 seconds.", "timeout")] * 3,
        [("cat", 0.9)],
    )
    document = upload()
    for number in range(1, 4):
        found = road.go(document)
        assert (found.tagging_state, found.tagging_reason_code) == (
            TaggingState.QUEUED,
            "process_not_started",
        )
        assert (found.tagging_crashes, found.tagging_attempts) == (0, number)
    assert session.scalars(select(ProcessState.crashes)).one() == 3
    assert road.go(document).tagging_state is TaggingState.TAGGED


def test_a_call_that_was_never_made_is_not_counted(road: Road, upload: Callable[..., Document]) -> None:
    road.calls = 1
    good = road.add("good", SMALL, [("cat", 0.9)])
    road.go(upload(b"small"))
    assert road.go(upload(b"large")).tagging_state is TaggingState.TAGGED
    assert good.asked == 2


@pytest.fixture(params=[1, 2, 8])
def claimed_together(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents in one claim: the fewer, the more claims are in the hand at a time."""
    monkeypatch.setattr("autotag.tagging.pipeline.pipeline.TOGETHER_AT_FIRST", request.param)


@pytest.mark.usefixtures("claimed_together")
@pytest.mark.parametrize("error", [DOWN, WRONG], ids=["down", "wrong"])
def test_of_documents_in_hand_one_finds_out_for_all(
    road: Road, upload: Callable[..., Document], error: Exception
) -> None:
    bad = road.add("bad", error)
    bad.seconds = LONG_ENOUGH_TO_CLAIM_MORE
    documents = [upload(bytes([number])) for number in range(8)]
    road.pipeline.tag_many(documents[0].instance_id, [document.id for document in documents])
    assert bad.asked == 1


@pytest.mark.usefixtures("claimed_together")
def test_of_documents_in_hand_none_starts_a_process_that_was_disabled(
    road: Road, upload: Callable[..., Document]
) -> None:
    process = road.add("tensorflow", ProcessCrashed("Killed by signal 9.", "exit"))
    process.seconds = LONG_ENOUGH_TO_CLAIM_MORE
    documents = [upload(bytes([number])) for number in range(8)]
    road.pipeline.tag_many(documents[0].instance_id, [document.id for document in documents])
    # Five relaunches are allowed, so the sixth crash disables it.
    assert process.asked == 6


def test_what_was_met_binds_no_claim_that_is_made_later(road: Road, upload: Callable[..., Document]) -> None:
    bad = road.add("bad", WRONG, [("cat", 0.9)])
    document = road.go(upload())
    _forget_troubles(road)
    assert road.go(document).tagging_state is TaggingState.TAGGED
    assert bad.asked == 2


def test_an_image_that_the_only_service_could_not_read_fails(
    road: Road, upload: Callable[..., Document]
) -> None:
    road.add("only", ImageUnsuitable("bad_image", "The service could not read this image."))
    found = road.go(upload())
    assert (found.tagging_state, found.tagging_reason_code) == (TaggingState.FAILED, "bad_image")


def test_each_provider_is_asked_by_one_at_a_time(road: Road, upload: Callable[..., Document]) -> None:
    class Watched(Scripted):
        at_once = most = 0

        def tag(self, image: TaggableImage) -> Answer:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            time.sleep(0.02)
            self.at_once -= 1
            return super().tag(image)

    watched = road.providers["watched"] = Watched("watched", [[("cat", 0.9)]])
    documents = [upload(bytes([number])) for number in range(6)]
    road.pipeline.tag_many(documents[0].instance_id, [document.id for document in documents])
    assert (watched.asked, watched.most) == (6, 1)
