"""Asking the providers about one image: each for itself, so that what one says is never lost with another."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.effective import ProviderSettings, TaggingSettings
from autotag.inference.errors import ProcessCrashed
from autotag.models import ProviderStatus
from autotag.models.base import utc_now
from autotag.providers.base import (
    AutoTagProvider,
    ImageUnsuitable,
    ProviderError,
    ProviderMisconfigured,
    ProviderUnavailable,
    TaggableImage,
)
from autotag.tagging.claims import Claim
from autotag.tagging.measures import note_call, note_error
from autotag.tagging.outcome import Predictions
from autotag.tagging.process_state import PROCESS_DISABLED, record_crash
from autotag.tagging.provider_state import note_success, note_trouble, pause, waiting_code
from autotag.tagging.usage import give_back_call, reserve_call

logger = structlog.stdlib.get_logger(__name__)

TENSORFLOW = "tensorflow"
MAXIMUM_TRIES = 6
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


ProviderFactory = Callable[[ProviderSettings], AutoTagProvider]


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
        self, held: Claim, image: TaggableImage, settings: TaggingSettings, waiting: Stopwatch | None = None
    ) -> Replies:
        """Ask every enabled provider that takes the type, or use what it has said of these bytes before.

        How long it waited for its turns is added to `waiting`.
        Lets ImageRejected pass: an image that cannot be decoded is so for every provider.
        """
        replies = Replies()
        for entry in settings.providers:
            with self._turn(entry.provider, waiting or Stopwatch()):
                try:
                    provider = self._build(entry)
                    if held.mime_type in provider.mime_types:
                        replies.applicable = True
                        self._ask_one(held, image, entry, provider, replies)
                except ProviderError as error:
                    self._note(held, entry, error, replies)
        return replies

    @contextmanager
    def _turn(self, provider: str, waiting: Stopwatch) -> Iterator[None]:
        since = time.monotonic()
        with self._turns.setdefault(provider, threading.Lock()):
            waiting.seconds += time.monotonic() - since
            yield

    def _ask_one(
        self,
        held: Claim,
        image: TaggableImage,
        entry: ProviderSettings,
        provider: AutoTagProvider,
        replies: Replies,
    ) -> None:
        known = held.known.get((entry.provider, provider.model, provider.model_version))
        if known is not None:
            replies.answers.append(known)
            return
        wait = self._wait(held, entry, provider)
        if wait is not None:
            replies.waits.append(wait)
            return
        replies.tried = True
        started = time.monotonic()
        try:
            answer = provider.tag(image)
        except ProcessCrashed as error:
            replies.crash = error.reason
            if entry.provider == TENSORFLOW and record_crash(self._sessions, error.reason):
                self._meet(held, TENSORFLOW, _disabled(utc_now()))
            return
        finally:
            note_call(held.instance_id, entry.provider, time.monotonic() - started)
        if entry.provider in held.troubles:
            note_success(self._sessions, held.instance_id, entry.provider)
        pairs = tuple((prediction.name, prediction.confidence) for prediction in answer.predictions)
        replies.answers.append(
            Predictions(entry.provider, answer.model, answer.model_version, answer.runtime, pairs)
        )

    def _wait(self, held: Claim, entry: ProviderSettings, provider: AutoTagProvider) -> Wait | None:
        """Say why a provider is not asked now, if it is not."""
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
            reason = f"{provider.title} is unavailable: {trouble.reason}"
            return Wait(code, reason, trouble.retry_at, entry.provider)
        if provider.sends_image:
            limit = int(entry.resolved.values.get("maximum_number_of_calls", 0))
            until = reserve_call(self._sessions, held.instance_id, entry.provider, limit)
            if until is not None:
                reason = f"{provider.title} has been sent the {limit} images that this month allows."
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
                if held.attempt >= MAXIMUM_TRIES:
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


def _paused(entry: ProviderSettings, reason: str, now: datetime) -> Wait:
    text = f"{entry.resolved.entry.title} is paused: {reason}"
    return Wait(waiting_code(entry.provider), text, now + LOOK_AGAIN, entry.provider)


def _disabled(now: datetime) -> Wait:
    reason = (
        "The TensorFlow process is disabled after too many crashes; an administrator can enable it again."
    )
    return Wait(PROCESS_DISABLED, reason, now + LOOK_AGAIN, PROCESS_DISABLED)
