"""The road of one document: claimed, examined, decided, recorded."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.effective import TaggingSettings
from autotag.inference.errors import ImageRejected, InferenceError, ProcessCrashed
from autotag.inference.process import InferenceProcess
from autotag.media.errors import StorageError
from autotag.media.sniffing import IMAGE_TYPES, claims_to_be_image
from autotag.media.storage import Storage
from autotag.models import TaggingState
from autotag.models.base import utc_now
from autotag.tagging.asking import Interviewer, ProviderFactory, Stopwatch
from autotag.tagging.claims import Claim, claim_many, have_deaths
from autotag.tagging.conclusion import conclude, crashed_outside_providers
from autotag.tagging.image import ImageInHand
from autotag.tagging.measures import note_outcome
from autotag.tagging.outcome import Outcome
from autotag.tagging.recording import record_many

logger = structlog.stdlib.get_logger(__name__)

RETRY_AFTER_STORAGE_TROUBLE = timedelta(minutes=1)

TOGETHER = 32
"""Documents claimed in one transaction at most: enough to make its cost small, few enough to lose with a worker."""

CLAIM_FOR_SECONDS = 0.8
"""Work that is claimed at a time, as far as the pace of the last documents tells: what was claimed is finished before
something more urgent is begun."""

TOGETHER_AT_FIRST = 4
"""Documents claimed in one transaction while the pace is not known."""

AT_ONCE = 2
"""Documents examined at a time: one in the process, and one that is made ready for it meanwhile."""

RECORD_EVERY_SECONDS = 0.7
"""Longest that a finished document waits for those claimed with it, so that tags appear steadily."""


@dataclass(frozen=True, slots=True)
class Worked:
    """What came of a job: the outcomes that were written, and the documents that it left for later, in their order."""

    outcomes: list[Outcome]
    left: list[int]


def never() -> bool:
    """What is asked when nothing interrupts a job."""
    return False


class Pipeline:
    """Tags documents in one worker: settings are read for each, no transaction is open while it is examined."""

    def __init__(
        self,
        *,
        sessions: sessionmaker[Session],
        storage: Storage,
        process: InferenceProcess,
        decoder: InferenceProcess,
        settings: Callable[[int, int], TaggingSettings],
        build_provider: ProviderFactory,
        worker: str,
    ) -> None:
        self._sessions = sessions
        self._storage = storage
        self._process = process
        self._decoder = decoder
        self._settings = settings
        self._interviewer = Interviewer(sessions, build_provider)
        self._worker = worker
        self._seconds_each: dict[int, float] = {}
        self._examiners = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="examiner")

    def tag(self, instance_id: int, document_id: int) -> Outcome | None:
        """Take one document to the end of an attempt. None when it was not there to take."""
        written = self.tag_many(instance_id, [document_id]).outcomes
        return written[0] if written else None

    def tag_many(
        self, instance_id: int, document_ids: Sequence[int], *, is_interrupted: Callable[[], bool] = never
    ) -> Worked:
        """Take documents of one instance to the end of an attempt each.

        They are claimed and recorded several at a time, which spares transactions, while others are examined;
        those on which a process has died before are taken alone. `is_interrupted` is asked before more are claimed;
        when it says so, the rest is left.
        """
        hand = _Hand(document_ids, is_interrupted)
        began = time.monotonic()
        is_alone = len(document_ids) == 1
        outcomes = self._work_off(self._claims(instance_id, hand, is_alone=is_alone), is_alone=is_alone)
        if outcomes:
            self._seconds_each[instance_id] = (time.monotonic() - began) / len(outcomes)
        if not is_alone and hand.not_taken:
            for document_id in have_deaths(self._sessions, instance_id, hand.not_taken):
                outcomes += self._work_off(
                    claim_many(self._sessions, instance_id, [document_id], self._worker, alone=True)
                )
        return Worked(outcomes, hand.left)

    def _claims(self, instance_id: int, hand: "_Hand", *, is_alone: bool) -> Iterator[Claim]:
        """Claim documents as they are needed, as many at a time as take a moment."""
        while chunk := hand.next(self._together(instance_id)):
            claims = claim_many(self._sessions, instance_id, chunk, self._worker, alone=is_alone)
            taken = {held.document_id for held in claims}
            hand.not_taken += [document_id for document_id in chunk if document_id not in taken]
            yield from claims

    def _together(self, instance_id: int) -> int:
        """How many documents are claimed at a time, by the pace of the instance's last ones."""
        pace = self._seconds_each.get(instance_id)
        if pace is None:
            return TOGETHER_AT_FIRST
        return max(1, min(TOGETHER, int(CLAIM_FOR_SECONDS / max(pace, 1e-9))))

    def _work_off(self, claims: Iterable[Claim], *, is_alone: bool = False) -> list[Outcome]:
        """Examine claimed documents and record them, the ready ones whenever a moment has passed.

        While the process works on one image, the next is made ready for it and the last ones are recorded. `is_alone`
        says that there is no next.
        """
        outcomes: list[Outcome] = []
        ready: list[tuple[Claim, Outcome]] = []
        in_hand: deque[tuple[Claim, Future[Outcome]]] = deque()
        since = time.monotonic()

        def finish(most: int) -> None:
            nonlocal ready, since
            while len(in_hand) > most:
                held, examination = in_hand.popleft()
                ready.append((held, examination.result()))
                if time.monotonic() - since > RECORD_EVERY_SECONDS:
                    outcomes.extend(self._record(ready))
                    ready, since = [], time.monotonic()

        try:
            for held in claims:
                run = copy_context().run
                in_hand.append((held, self._examiners.submit(run, self._examine_timed, held, is_alone)))
                finish(AT_ONCE)
            finish(0)
        finally:
            # Whatever interrupts this, nobody begins with another one.
            for _, examination in in_hand:
                examination.cancel()
        return outcomes + (self._record(ready) if ready else [])

    def _examine_timed(self, held: Claim, is_alone: bool) -> Outcome:
        structlog.contextvars.bind_contextvars(document_id=held.document_id)
        started = time.monotonic()
        waiting = Stopwatch()
        outcome = self._examine(held, waiting, is_alone)
        return replace(outcome, seconds=round(time.monotonic() - started - waiting.seconds, 4))

    def _record(self, ready: Sequence[tuple[Claim, Outcome]]) -> list[Outcome]:
        written = record_many(self._sessions, ready, self._worker)
        for held, outcome in written:
            if outcome.counted:
                note_outcome(held.instance_id, outcome.state, outcome.seconds)
            # A document that merely goes on waiting is no event: a service that is down would fill the log.
            log = logger.info if outcome.counted else logger.debug
            log(
                "document done",
                instance_id=held.instance_id,
                document_id=held.document_id,
                state=str(outcome.state),
                code=outcome.reason_code,
                duration=outcome.seconds,
            )
        if len(written) < len(ready):
            logger.info(
                "claims lost", instance_id=ready[0][0].instance_id, documents=len(ready) - len(written)
            )
        return [outcome for _, outcome in written]

    def _examine(self, held: Claim, waiting: Stopwatch, is_alone: bool) -> Outcome:
        if held.mime_type not in IMAGE_TYPES:
            return _not_an_image(held)
        settings = self._settings(held.instance_id, held.configuration_version)
        image = ImageInHand(
            held.sha256,
            held.mime_type,
            storage=self._storage,
            process=self._process,
            decoder=self._decoder,
            maximum_pixels=settings.maximum_pixels,
            reads_keywords=settings.imports_keywords and not held.is_decoded,
            is_urgent=is_alone,
        )
        try:
            outcome = _why_not(held, settings)
            if outcome is None:
                outcome = conclude(held, settings, self._interviewer.ask(held, image, settings, waiting))
            if outcome.crashed or (held.is_decoded and image.facts is None and image.has_renditions):
                return outcome
            return replace(outcome, facts=image.finish())
        except (InferenceError, StorageError, OSError) as error:
            return _failed(held, error)


class _Hand:
    """The documents of one job: what is still to be claimed, what was not there to take, what is left for later."""

    def __init__(self, document_ids: Sequence[int], is_interrupted: Callable[[], bool]) -> None:
        self.left = list(document_ids)
        self.not_taken: list[int] = []
        self._is_interrupted = is_interrupted
        self._has_begun = False

    def next(self, most: int) -> list[int]:
        """Return the next documents to claim, at least one the first time; none when all are, or when interrupted."""
        if self._has_begun and self._is_interrupted():
            return []
        self._has_begun = True
        chunk, self.left = self.left[:most], self.left[most:]
        return chunk


def _failed(held: Claim, error: Exception) -> Outcome:
    """Say how an attempt ends whose image could not be decoded, or whose files could not be read or written."""
    match error:
        case ImageRejected():
            return Outcome(TaggingState.FAILED, error.code, error.message)
        case ProcessCrashed():
            return crashed_outside_providers(held, error.reason)
        case FileNotFoundError():
            return Outcome(TaggingState.FAILED, "file_missing", "The stored file is missing.")
        case OSError():
            # Of the machine, not of the image: too many open files, a disk in trouble.
            return _later(
                f"Its files could not be read or stored; it is tried again. {error.strerror or type(error).__name__}."
            )
        case _:
            return _later(f"Its files could not be read or stored; it is tried again. {error}")


def _later(reason: str) -> Outcome:
    return Outcome(TaggingState.QUEUED, "storage", reason, not_before=utc_now() + RETRY_AFTER_STORAGE_TROUBLE)


def _why_not(held: Claim, settings: TaggingSettings) -> Outcome | None:
    if settings.refusal:
        return Outcome(TaggingState.SKIPPED, "switched_off", settings.refusal)
    if len(held.existing) > held.automatic + held.from_file and not held.requested:
        return Outcome(
            TaggingState.SKIPPED,
            "tagged_by_person",
            "A person gave it tags, so none were added automatically.",
        )
    if len(held.existing) > held.from_file and not held.requested:
        return Outcome(
            TaggingState.SKIPPED,
            "has_tags",
            "The document had tags already, so none were added automatically.",
        )
    return None


def _not_an_image(held: Claim) -> Outcome:
    if claims_to_be_image(held.file_name):
        return Outcome(
            TaggingState.FAILED,
            "not_an_image",
            f"The file is named like an image, but its content is not one ({held.mime_type}).",
        )
    return Outcome(
        TaggingState.SKIPPED, "type_not_taken", f"Only images are tagged; this is {held.mime_type}."
    )
