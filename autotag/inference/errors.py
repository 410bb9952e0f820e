"""What can go wrong in this room, each as one exception with a stable code.

Callers choose a consequence by the class: a rejected image fails alone, a rejected model needs an
administrator, a rendition that could not be written may be tried again, a crash counts against the process.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

CrashKind = Literal["exit", "timeout", "memory"]


class ImageCode(StrEnum):
    """Why an image was refused. The values are stable: they are stored and shown through the API."""

    MISSING_FILE = "missing_file"
    EMPTY_FILE = "empty_file"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED_FORMAT = "unsupported_format"
    TRUNCATED_IMAGE = "truncated_image"
    UNREADABLE_IMAGE = "unreadable_image"
    TOO_MANY_PIXELS = "too_many_pixels"
    IMAGE_TOO_SMALL = "image_too_small"
    TOO_SLOW = "too_slow"


class ModelCode(StrEnum):
    """Why a model was refused. The values are stable: they are shown through the command line and the API."""

    UNKNOWN_MODEL = "unknown_model"
    MODEL_MISSING = "model_missing"
    MODEL_DAMAGED = "model_damaged"
    MODEL_UNUSABLE = "model_unusable"
    DESCRIPTION_INVALID = "description_invalid"
    LABELS_MISMATCH = "labels_mismatch"
    WEIGHTS_MISSING = "weights_missing"
    WEIGHTS_REFUSED = "weights_refused"
    VERIFICATION_FAILED = "verification_failed"
    RUNTIME_MISSING = "runtime_missing"
    DOWNLOAD_FAILED = "download_failed"
    DIGEST_MISMATCH = "digest_mismatch"
    TOO_LARGE = "too_large"
    ARCHIVE_REFUSED = "archive_refused"
    STORAGE_FAILED = "storage_failed"
    NOT_A_CLASSIFIER = "not_a_classifier"
    LABELS_INVALID = "labels_invalid"
    NORMALISATION_MISSING = "normalisation_missing"
    NAME_TAKEN = "name_taken"
    MODEL_REQUIRED = "model_required"


class InferenceError(Exception):
    """Root of every error that this room raises on purpose."""


class ImageRejected(InferenceError):
    """This image is bad. It is an answer about the image, not a fault of the process.

    `code` is an `ImageCode`; `message` is one sentence for a person; `detail` is the name of the decoder's
    own exception where there was one.
    """

    def __init__(self, code: str, message: str, detail: str | None = None) -> None:
        super().__init__(code, message, detail)
        self.code = ImageCode(code)
        self.message = message
        self.detail = detail

    def __str__(self) -> str:
        return self.message


class ModelRejected(InferenceError):
    """This model cannot be used. `code` is a `ModelCode`; `message` is one sentence for a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = ModelCode(code)
        self.message = message

    def __str__(self) -> str:
        return self.message


class InstallationCancelled(InferenceError):
    """Whoever asked for the installation no longer wants it. Nothing of it is left."""

    def __init__(self, message: str = "The installation was cancelled.") -> None:
        super().__init__(message)


class RenditionFailed(InferenceError):
    """A rendition could not be written (a full disk, a missing folder).

    The image itself is good; try again later.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class KeywordsUnwritable(InferenceError):
    """Keywords cannot be written into a copy of this file; `message` is one sentence for a person."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ProcessCrashed(InferenceError):
    """The supervised process died, or had to be killed.

    `kind` is `exit` (it ended by itself or by a signal), `timeout` (it was killed for time) or `memory` (it
    ended for want of memory). `reason` says how, with the last line that the process wrote to its standard
    error.
    """

    def __init__(self, reason: str, kind: CrashKind) -> None:
        super().__init__(reason, kind)
        self.reason = reason
        self.kind = kind

    def __str__(self) -> str:
        return self.reason


class ProcessNotStarted(ProcessCrashed):
    """The process died, or had to be killed, before it was ready. No image is to blame for that."""


class ProcessDisabled(InferenceError):
    """The process has died and must not be started again until somebody enables it."""
