"""What becomes of a document when something is raised.

Whatever it is, it becomes the outcome of that document's attempt, and the others go on.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from autotag.inference.errors import (
    ImageRejected,
    ProcessCrashed,
    ProcessNotStarted,
    RenditionFailed,
)
from autotag.media.errors import StorageError
from autotag.models import TaggingState
from autotag.models.base import utc_now
from autotag.tagging.pipeline.claims import Claim
from autotag.tagging.pipeline.outcome import Outcome
from autotag.tagging.provider_health.circuit_breaker import back_off

logger = structlog.stdlib.get_logger(__name__)

MAXIMUM_TRIES = 6
"""Attempts after which a document fails that no provider, or no step of ours, has come to an end with."""

CRASHES_BEFORE_QUARANTINE = 2
"""An image that was in hand when the process died is tried once more, alone; the second death quarantines it."""

RETRY_AFTER_STORAGE_TROUBLE = timedelta(minutes=1)

PROVIDER_ERROR = "provider_error"
INTERNAL_ERROR = "internal_error"
DATABASE = "database"
STORAGE = "storage"
PROCESS_NOT_STARTED = "process_not_started"


def is_last_try(attempt: int) -> bool:
    """Whether no other attempt follows this one by itself."""
    return attempt >= MAXIMUM_TRIES


def next_try(attempt: int) -> datetime:
    """Return when to try again after an attempt: later each time, as with a service that is down."""
    return utc_now() + back_off(attempt - 1, None)


def outcome_of(held: Claim, error: BaseException, *, is_of_image: bool) -> Outcome:
    """Say how an attempt ends in which something was raised.

    `is_of_image` says that it came from reading the image, its files or the process, not from elsewhere.
    """
    match error:
        case ImageRejected():
            return Outcome(TaggingState.FAILED, error.code, error.message)
        case ProcessNotStarted():
            return _tried_again(held, PROCESS_NOT_STARTED, error.reason.rstrip("."))
        case ProcessCrashed():
            return crashed(held, error.reason)
        case RenditionFailed() | StorageError():
            return _stored_later(str(error))
        case OSError() if is_of_image:
            return _of_files(error)
        case _:
            return unexpected(held, error)


def _of_files(error: OSError) -> Outcome:
    if isinstance(error, FileNotFoundError):
        return Outcome(TaggingState.FAILED, "file_missing", "The stored file is missing.")
    # Of the machine, not of the image: too many open files, a disk in trouble.
    return _stored_later(f"{error.strerror or type(error).__name__}.")


def unexpected(held: Claim, error: BaseException) -> Outcome:
    """Log what nobody expected, with its traceback, and say how the attempt ends."""
    logger.error(
        "tagging failed unexpectedly",
        instance_id=held.instance_id,
        document_id=held.document_id,
        exc_info=error,
    )
    if isinstance(error, SQLAlchemyError):
        return _tried_again(held, DATABASE, "The database was busy or could not be reached")
    return _tried_again(held, INTERNAL_ERROR, f"Autotag stopped with an error ({type(error).__name__})")


def crashed(held: Claim, reason: str) -> Outcome:
    """Say how an attempt ends on whose image the process died."""
    if held.crashes + 1 < CRASHES_BEFORE_QUARANTINE:
        state, text = TaggingState.QUEUED, f"The image is tried once more: {reason}"
    else:
        state = TaggingState.QUARANTINED
        text = f"The image stopped the process {held.crashes + 1} times and is not tried again: {reason}"
    return Outcome(state, "process_died", text, crashed=True)


def _tried_again(held: Claim, code: str, reason: str) -> Outcome:
    if is_last_try(held.attempt):
        return Outcome(
            TaggingState.FAILED,
            code,
            f"{reason}; the file is not tried again. The log says more.",
            judged=False,
        )
    text = f"{reason}; the file is tried again."
    return Outcome(TaggingState.QUEUED, code, text, not_before=next_try(held.attempt), judged=False)


def _stored_later(reason: str) -> Outcome:
    text = f"Its files could not be read or stored; it is tried again. {reason}"
    later = utc_now() + RETRY_AFTER_STORAGE_TROUBLE
    return Outcome(TaggingState.QUEUED, STORAGE, text, not_before=later, judged=False)
