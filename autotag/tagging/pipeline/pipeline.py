"""The road of one document: claimed, examined, decided, recorded."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, replace

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.effective import TaggingSettings
from autotag.inference.process.process import InferenceProcess
from autotag.media.storage.storage import Storage
from autotag.metrics.worker_metrics import note_outcome
from autotag.tagging.pipeline.claims import Claim, claim_many, have_deaths, new_token
from autotag.tagging.pipeline.examine import Examiner
from autotag.tagging.pipeline.finish_claims import Finished
from autotag.tagging.pipeline.leases import Leases
from autotag.tagging.pipeline.outcome import Outcome
from autotag.tagging.pipeline.provider_calls import Interviewer, Stopwatch
from autotag.tagging.pipeline.write_outcomes import OutcomeWriter
from autotag.tagging.provider_health.factory import ProviderFactory

logger = structlog.stdlib.get_logger(__name__)

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
    """Tags documents in one worker: settings are read for each, no transaction is open while it is examined.

    Whatever is raised concerns the document that it was raised for. `on_stuck` is called, from another thread, when a
    document hangs for longer than all time-outs together; the worker can then only be ended.
    """

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
        on_stuck: Callable[[], None] | None = None,
    ) -> None:
        self._sessions = sessions
        self._examiner = Examiner(
            storage=storage,
            process=process,
            decoder=decoder,
            settings=settings,
            interviewer=Interviewer(sessions, build_provider),
        )
        self._writer = OutcomeWriter(sessions, worker)
        self._leases = Leases(sessions, on_stuck=on_stuck)
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
        self._writer.write_rest()
        hand = _Hand(document_ids, is_interrupted)
        began = time.monotonic()
        is_alone = len(document_ids) == 1
        outcomes = self._work_off(self._claims(instance_id, hand, is_alone=is_alone), is_alone=is_alone)
        if outcomes:
            self._seconds_each[instance_id] = (time.monotonic() - began) / len(outcomes)
        if not is_alone and hand.not_taken:
            outcomes += self._take_alone(instance_id, hand)
        return Worked(outcomes, hand.left)

    def _take_alone(self, instance_id: int, hand: "_Hand") -> list[Outcome]:
        """Work off those that have to be taken alone, one after another, as long as nothing interrupts."""
        outcomes: list[Outcome] = []
        try:
            alone = have_deaths(self._sessions, instance_id, hand.not_taken)
        except SQLAlchemyError:
            logger.exception("tagging cut short", instance_id=instance_id)
            return outcomes
        for document_id in alone:
            one = _Hand([document_id], hand.is_interrupted)
            if hand.is_interrupted():
                hand.left.append(document_id)
            else:
                outcomes += self._work_off(self._claims(instance_id, one, is_alone=True))
        return outcomes

    def _claims(self, instance_id: int, hand: "_Hand", *, is_alone: bool) -> Iterator[Claim]:
        """Claim documents as they are needed, as many at a time as take a moment."""
        while chunk := hand.next(self._together(instance_id)):
            claims = self._claim(instance_id, chunk, is_alone=is_alone)
            taken = {held.document_id for held in claims}
            hand.not_taken += [document_id for document_id in chunk if document_id not in taken]
            yield from claims

    def _claim(self, instance_id: int, chunk: Sequence[int], *, is_alone: bool) -> list[Claim]:
        token = new_token(self._worker)
        try:
            claims = claim_many(self._sessions, instance_id, chunk, self._worker, alone=is_alone, token=token)
        except BaseException:
            # It may have been committed, and the answer lost with the connection.
            self._leases.give_back(token, chunk)
            raise
        self._leases.take(claims)
        return claims

    def _together(self, instance_id: int) -> int:
        """How many documents are claimed at a time, by the pace of the instance's last ones."""
        pace = self._seconds_each.get(instance_id)
        if pace is None:
            return TOGETHER_AT_FIRST
        return max(1, min(TOGETHER, int(CLAIM_FOR_SECONDS / max(pace, 1e-9))))

    def _work_off(self, claims: Iterable[Claim], *, is_alone: bool = False) -> list[Outcome]:
        """Examine claimed documents and record them, the ready ones whenever a moment has passed.

        While the process works on one image, the next is made ready for it and the last ones are recorded. `is_alone`
        says that there is no next. If claiming fails, what is in hand is brought to its end; what interrupts this for
        good does so as well, but nobody begins with another one. What is not examined is given back.
        """
        work = _Work(self._record)
        try:
            for held in claims:
                run = copy_context().run
                work.add(held, self._examiners.submit(run, self._examine_timed, held, is_alone))
                work.finish(AT_ONCE)
            work.finish(0)
        except Exception:
            logger.exception("tagging cut short")
        finally:
            try:
                work.abandon()
            finally:
                self._leases.give_back_rest()
        return work.outcomes

    def _examine_timed(self, held: Claim, is_alone: bool) -> Outcome | None:
        if not self._leases.begin(held):
            return None
        structlog.contextvars.bind_contextvars(document_id=held.document_id)
        started = time.monotonic()
        waiting = Stopwatch()
        outcome = self._examiner.examine(held, waiting, is_alone=is_alone)
        return replace(outcome, seconds=round(time.monotonic() - started - waiting.seconds, 4))

    def _record(self, ready: Sequence[tuple[Claim, Outcome]]) -> list[Outcome]:
        written = self._writer.write(ready)
        self._leases.end([held for held, _ in written])
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


class _Work:
    """Documents that are being examined, and those that are ready to be recorded."""

    def __init__(self, record: Callable[[Sequence[Finished]], list[Outcome]]) -> None:
        self.outcomes: list[Outcome] = []
        self._record = record
        self._in_hand: dict[Future[Outcome | None], Claim] = {}
        self._ready: list[Finished] = []
        self._since = time.monotonic()

    def add(self, held: Claim, examination: "Future[Outcome | None]") -> None:
        """Have one examined."""
        self._in_hand[examination] = held

    def finish(self, most: int) -> None:
        """Wait until no more than so many are being examined. In whatever order they come to their end, none waits for
        a slower one to be recorded; with 0, all are."""
        while len(self._in_hand) > most:
            done, _ = wait(self._in_hand, RECORD_EVERY_SECONDS, FIRST_COMPLETED)
            # In the order in which they were begun.
            for examination in [one for one in self._in_hand if one in done]:
                held = self._in_hand.pop(examination)
                outcome = None if examination.cancelled() else examination.result()
                if outcome is not None:
                    self._ready.append((held, outcome))
            if time.monotonic() - self._since > RECORD_EVERY_SECONDS:
                self._write()
        if most == 0:
            self._write()

    def abandon(self) -> None:
        """Begin with no other one; bring those that are begun to their end."""
        for examination in self._in_hand:
            examination.cancel()
        self.finish(0)

    def _write(self) -> None:
        ready, self._ready = self._ready, []
        self._since = time.monotonic()
        if ready:
            self.outcomes += self._record(ready)


class _Hand:
    """The documents of one job: what is still to be claimed, what was not there to take, what is left for later."""

    def __init__(self, document_ids: Sequence[int], is_interrupted: Callable[[], bool]) -> None:
        self.left = list(document_ids)
        self.not_taken: list[int] = []
        self.is_interrupted = is_interrupted
        self._has_begun = False

    def next(self, most: int) -> list[int]:
        """Return the next documents to claim, at least one the first time; none when all are, or when interrupted."""
        if self._has_begun and self.is_interrupted():
            return []
        self._has_begun = True
        chunk, self.left = self.left[:most], self.left[most:]
        return chunk
