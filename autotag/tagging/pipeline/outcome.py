"""How an attempt at a document ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from autotag.models import TaggingState
from autotag.tagging.policy import Decision


@dataclass(frozen=True, slots=True)
class Predictions:
    """What one provider said: its model, that model's version, the runtime, and [name, score] pairs."""

    provider: str
    model: str
    model_version: str
    runtime: str
    pairs: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What decoding told about an image: width and height in pixels after orientation, and a tiny WebP in Base64.

    `exif` is what the camera noted, by label; `keywords` are those in the file, where they are imported.
    """

    width: int
    height: int
    placeholder: str
    exif: Mapping[str, str] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of an attempt.

    `queued` puts the document back, to be taken again from `not_before` on; its decisions hold until then. `trouble`
    is what it waits for, if that may be over sooner: the name of a provider, or `PROCESS_DISABLED`.
    An attempt that is not `counted` asked nobody; one that `crashed` had a process die on the image. One that
    has not `judged` came to no decisions, so that the tags of an earlier one stay until the next.
    """

    state: TaggingState
    reason_code: str = ""
    reason: str = ""
    decisions: tuple[Decision, ...] = ()
    predictions: tuple[Predictions, ...] = ()
    facts: ImageFacts | None = None
    not_before: datetime | None = None
    trouble: str = ""
    counted: bool = True
    crashed: bool = False
    judged: bool = True
    seconds: float = 0.0
