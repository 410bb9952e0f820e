"""What a provider is, what it is given, and the ways in which it can fail."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from autotag.inference.process.process import Prediction


@dataclass(frozen=True, slots=True)
class Classification:
    """What a model said: predictions highest first, and the runtime that ran it (name and version)."""

    predictions: Sequence[Prediction]
    runtime: str


class TaggableImage(Protocol):
    """An image that a provider is asked about; its bytes are untrusted and never decoded in this process.

    Every method may raise the errors of autotag.inference.errors; a provider lets them pass.
    """

    @property
    def mime_type(self) -> str:
        """The media type by content."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, after EXIF orientation."""
        ...

    def classify(self, model: Path) -> Classification:
        """Run an installed model (its folder) on the image, in the inference process."""
        ...

    def jpeg(self, longest_side: int) -> bytes:
        """Return the image as a JPEG without metadata, scaled down to this longest side in pixels, never up.

        This is what leaves the machine: oriented, without EXIF and GPS, in a format that every service takes.
        """
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's predictions, highest first, with the model they came from and that model's exact version."""

    predictions: Sequence[Prediction]
    model: str
    model_version: str
    runtime: str = ""


class AutoTagProvider(Protocol):
    """A source of predictions. An object of it holds one virtual instance's settings.

    `model` and `model_version` are known without asking: predictions that are stored for the same content
    under the same pair are used again instead of asking. `sends_image` says that the image leaves the
    machine: such calls are counted and can be limited.
    """

    name: str
    title: str
    mime_types: frozenset[str]
    sends_image: bool

    @property
    def model(self) -> str:
        """The model's name."""
        ...

    @property
    def model_version(self) -> str:
        """What tells this model from a later one of the same name, such as a digest or an API version."""
        ...

    def tag(self, image: TaggableImage) -> Answer:
        """Return what the provider sees. Raises ProviderError or an error of autotag.inference.errors."""
        ...


class ProviderError(Exception):
    """A provider could not answer; `code` is stable and for programs, `message` a sentence for people.

    Neither holds a key, a URL with a key, or a service's answer verbatim.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ImageUnsuitable(ProviderError):
    """This provider cannot take this image, now or later; others may."""


class ProviderUnavailable(ProviderError):
    """The service is in trouble: ask again later, after `retry_after` seconds when it said so."""

    def __init__(self, code: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


class ProtocolViolation(ProviderUnavailable):
    """The service's answer cannot be understood: ask again a few times at most."""


class ProviderMisconfigured(ProviderError):
    """The settings are wrong (key, billing, endpoint): asking again is of no use until somebody changes them."""


class VersionRetired(ProviderMisconfigured):
    """The service does not serve this version any more."""
