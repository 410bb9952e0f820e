"""Asking the providers about one image: each for itself, so that what one says is never lost with another."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.effective import ProviderSettings, TaggingSettings
from autotag.inference.errors import (
    InferenceError,
    ModelRejected,
    ProcessCrashed,
    ProcessDisabled,
    ProcessNotStarted,
)
from autotag.metrics.worker_metrics import note_call, note_error
from autotag.models import PredictionSet, ProviderStatus
from autotag.models.base import utc_now
from autotag.providers.base import (
    Answer,
    AutoTagProvider,
    ImageUnsuitable,
    ProviderError,
    ProviderMisconfigured,
    ProviderUnavailable,
)
from autotag.tagging.pipeline.claims import Claim
from autotag.tagging.pipeline.image import ImageInHand
from autotag.tagging.pipeline.outcome import Predictions
from autotag.tagging.pipeline.trouble import PROCESS_NOT_STARTED, PROVIDER_ERROR, is_last_try, next_try
from autotag.tagging.provider_health.call_quota import give_back_call, reserve_call
from autotag.tagging.provider_health.circuit_breaker import note_success, note_trouble, pause, waiting_code
from autotag.tagging.provider_health.factory import ProviderFactory
from autotag.tagging.provider_health.process_breaker import PROCESS_DISABLED, record_crash

logger = structlog.stdlib.get_logger(__name__)

TENSORFLOW = "tensorflow"
NOTHING_SENT = frozenset(
    {
        "address_refused",
        "dns_failed",
        "connection_failed",
        "image_too_small",
        "image_too_narrow",
        "image_too_large",
    }
)
"""Codes of failures that come before the image has left the machine, so that nobody is billed for them."""

LOOK_AGAIN = timedelta(hours=1)
"""How long a document rests that waits for a person; whoever resumes or enables lets it go on at once."""


@dataclass(slots=True)
class Stopwatch:
    """Seconds that something took in all."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Why an answer is still to come, and when it is worth while to ask again.

    `trouble` is that of an `Outcome`; a limit has none.
    """

    code: str
    reason: str
    until: datetime
    trouble: str = ""


@dataclass(slots=True)
class Replies:
    """What came of asking: answers, and for the providers without one whether to wait, or why there is none.

    `tried` says whether anybody was asked at all, so that merely waiting counts as no attempt. `crash` is the
    reason when the process died on this image.
    """

    answers: list[Predictions] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    unsuitable: list[ProviderError] = field(default_factory=list)
    failures: list[ProviderError] = field(default_factory=list)
    crash: str = ""
    tried: bool = False
    applicable: bool = False


class ProviderBroken(Exception):
    """A provider raised what is none of the errors that it may raise; that is the cause of this one."""


@dataclass(frozen=True, slots=True)
class _Interviewee:
    """A provider and what it says of itself, read once: it is somebody else's code, and any of it may raise."""

    entry: ProviderSettings
    provider: AutoTagProvider
    title: str
    sends_image: bool
    takes: frozenset[str]
    model: str
    model_version: str

    @property
    def name(self) -> str:
        """The name under which its predictions are kept."""
        return self.entry.provider


class Interviewer:
    """Asks an instance's enabled providers about an image, with regard to how each of them fares.

    It may be shared by threads: each provider is asked by one at a time, so that what it told one of them is known
    to the next.
    """

    def __init__(self, sessions: sessionmaker[Session], build_provider: ProviderFactory) -> None:
        self._sessions = sessions
        self._build = build_provider
        self._met: dict[tuple[int, str], tuple[Wait, float]] = {}
        self._turns: dict[str, threading.Lock] = {}

    def ask(
        self,
        held: Claim,
        image: ImageInHand,
        settings: TaggingSettings,
        replies: Replies,
        waiting: Stopwatch,
    ) -> None:
        """Ask every enabled provider that takes the type, or use what it has said of these bytes before.

        What comes of it is added to `replies`, so that it is there whatever is raised later; how long it waited for its
        turns is added to `waiting`. Lets ImageRejected pass: an image that cannot be decoded is so for every provider.
        """
        for entry in settings.providers:
            with self._turn(entry.provider, waiting):
                try:
                    subject = self._introduce(entry, image)
                    if held.mime_type in subject.takes:
                        replies.applicable = True
                        self._ask_one(held, image, subject, replies)
                except ProviderError as error:
                    self._note(held, entry, error, replies)
                except ProviderBroken as broken:
                    _note_broken(held, entry, broken, replies)

    def _introduce(self, entry: ProviderSettings, image: ImageInHand) -> _Interviewee:
        with _blamed_on_provider(image):
            provider = self._build(entry)
            model, version = str(provider.model), str(provider.model_version)
            # Before anything is sent: what cannot be kept would be paid for again and again.
            _check_length("model", model, PredictionSet.model.type.length)
            _check_length("model_version", version, PredictionSet.model_version.type.length)
            return _Interviewee(
                entry,
                provider,
                str(provider.title),
                bool(provider.sends_image),
                frozenset(provider.mime_types),
                model,
                version,
            )

    @contextmanager
    def _turn(self, provider: str, waiting: Stopwatch) -> Iterator[None]:
        since = time.monotonic()
        with self._turns.setdefault(provider, threading.Lock()):
            waiting.seconds += time.monotonic() - since
            yield

    def _ask_one(
        self,
        held: Claim,
        image: ImageInHand,
        subject: _Interviewee,
        replies: Replies,
    ) -> None:
        known = held.known.get((subject.name, subject.model, subject.model_version))
        if known is not None:
            replies.answers.append(known)
            return
        wait = self._wait(held, subject)
        if wait is not None:
            replies.waits.append(wait)
            return
        replies.tried = True
        started = time.monotonic()
        try:
            with _blamed_on_provider(image):
                answer = _read(subject, subject.provider.tag(image))
        except ProcessDisabled:
            self._meet(held, TENSORFLOW, _disabled(utc_now()))
            replies.waits.append(_disabled(utc_now()))
            return
        except ProcessCrashed as error:
            self._note_crash(held, subject, error, replies)
            return
        finally:
            note_call(held.instance_id, subject.name, time.monotonic() - started)
        # First of all: it may have been paid for.
        replies.answers.append(answer)
        if subject.name in held.troubles:
            note_success(self._sessions, held.instance_id, subject.name)

    def _note_crash(
        self, held: Claim, subject: _Interviewee, error: ProcessCrashed, replies: Replies
    ) -> None:
        if subject.name == TENSORFLOW and record_crash(self._sessions, error.reason):
            self._meet(held, TENSORFLOW, _disabled(utc_now()))
        if not isinstance(error, ProcessNotStarted):
            replies.crash = error.reason
        elif is_last_try(held.attempt):
            replies.failures.append(ProviderError(PROCESS_NOT_STARTED, error.reason))
        else:
            replies.waits.append(Wait(PROCESS_NOT_STARTED, error.reason, next_try(held.attempt)))

    def _wait(self, held: Claim, subject: _Interviewee) -> Wait | None:
        """Say why a provider is not asked now, if it is not."""
        entry = subject.entry
        met = self._met_since(held, entry.provider)
        if met is not None:
            return met
        now = utc_now()
        if entry.provider == TENSORFLOW and held.process_disabled:
            return _disabled(now)
        code = waiting_code(entry.provider)
        trouble = held.troubles.get(entry.provider)
        if trouble is not None and trouble.status is ProviderStatus.PAUSED:
            return _paused(entry, trouble.reason, now)
        if trouble is not None and trouble.retry_at is not None and trouble.retry_at > now:
            reason = f"{subject.title} is unavailable: {trouble.reason}"
            return Wait(code, reason, trouble.retry_at, entry.provider)
        if subject.sends_image:
            limit = int(entry.resolved.values.get("maximum_number_of_calls", 0))
            until = reserve_call(self._sessions, held.instance_id, entry.provider, limit)
            if until is not None:
                reason = f"{subject.title} has been sent the {limit} images that this month allows."
                return Wait(code, reason, until)
        return None

    def _meet(self, held: Claim, provider: str, wait: Wait) -> None:
        """Remember a trouble that is in the database by now, for the claims that were made before it was."""
        self._met[held.instance_id, provider] = wait, time.monotonic()

    def _met_since(self, held: Claim, provider: str) -> Wait | None:
        """Return the trouble met since this claim was made, which cannot know of it: one document is enough to find
        out, and claims that are made later read it themselves."""
        wait, at = self._met.get((held.instance_id, provider), (None, 0.0))
        return wait if held.made_at < at else None

    def _note(self, held: Claim, entry: ProviderSettings, error: ProviderError, replies: Replies) -> None:
        """Draw the consequence of a failure: for the image alone, for a while, or until somebody mends it."""
        note_error(held.instance_id, entry.provider, error.code)
        if error.code in NOTHING_SENT:
            give_back_call(self._sessions, held.instance_id, entry.provider)
        match error:
            case ImageUnsuitable():
                replies.unsuitable.append(error)
            case ProviderUnavailable():
                until = note_trouble(self._sessions, held.instance_id, entry.provider, error)
                wait = Wait(waiting_code(entry.provider), error.message, until, entry.provider)
                self._meet(held, entry.provider, wait)
                if is_last_try(held.attempt):
                    replies.failures.append(error)
                else:
                    replies.waits.append(wait)
            case ProviderMisconfigured():
                pause(self._sessions, held.instance_id, entry.provider, error)
                wait = _paused(entry, error.message, utc_now())
                self._meet(held, entry.provider, wait)
                replies.waits.append(wait)
            case _:
                replies.failures.append(error)


@contextmanager
def _blamed_on_provider(image: ImageInHand) -> Iterator[None]:
    """Turn whatever a provider raises that it should not into ProviderBroken; what our own image raises passes.

    Everything, also an exit: it runs in a thread of ours, which is not its to end.
    """
    try:
        yield
    except ModelRejected as error:
        raise ProviderMisconfigured("model_unusable", f"The model cannot be used: {error}") from error
    except (ProviderError, InferenceError):
        raise
    except BaseException as error:
        if error is image.failure:
            raise
        raise ProviderBroken from error


def _check_length(what: str, text: str, longest: int | None) -> None:
    if longest is not None and len(text) > longest:
        raise ValueError(f"{what} is longer than {longest} characters")


def _read(subject: _Interviewee, answer: Answer) -> Predictions:
    """Return what a provider said. Raises anything when that is not what an answer has to be."""
    pairs = []
    for prediction in answer.predictions:
        name, score = prediction.name, float(prediction.confidence)
        if not isinstance(name, str) or not math.isfinite(score):
            raise TypeError("a prediction has no name, or a confidence that is no number")
        # Half of a pair of surrogates is no character, and no database takes it.
        name.encode()
        pairs.append((name, score))
    model, version = str(answer.model), str(answer.model_version)
    _check_length("model", model, PredictionSet.model.type.length)
    _check_length("model_version", version, PredictionSet.model_version.type.length)
    runtime = str(answer.runtime)[: PredictionSet.runtime.type.length]
    return Predictions(subject.name, model, version, runtime, tuple(pairs))


def _note_broken(held: Claim, entry: ProviderSettings, broken: ProviderBroken, replies: Replies) -> None:
    """Let the image wait, and no other: what a provider stumbles over may be in this image alone."""
    cause = broken.__cause__
    note_error(held.instance_id, entry.provider, PROVIDER_ERROR)
    logger.error(
        "provider failed",
        instance_id=held.instance_id,
        document_id=held.document_id,
        provider=entry.provider,
        exc_info=cause,
    )
    reason = f"{entry.resolved.entry.title} stopped with an error of its own ({type(cause).__name__})"
    if is_last_try(held.attempt):
        text = f"{reason}; it is not asked again. The log says more."
        replies.failures.append(ProviderError(PROVIDER_ERROR, text))
    else:
        replies.waits.append(Wait(PROVIDER_ERROR, f"{reason}; it is asked again.", next_try(held.attempt)))


def _paused(entry: ProviderSettings, reason: str, now: datetime) -> Wait:
    text = f"{entry.resolved.entry.title} is paused: {reason}"
    return Wait(waiting_code(entry.provider), text, now + LOOK_AGAIN, entry.provider)


def _disabled(now: datetime) -> Wait:
    reason = (
        "The TensorFlow process is disabled after too many crashes; an administrator can enable it again."
    )
    return Wait(PROCESS_DISABLED, reason, now + LOOK_AGAIN, PROCESS_DISABLED)
