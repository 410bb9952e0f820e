"""Trying a provider's saved settings with one small picture, for the person who has just entered them."""

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.effective import ProviderSettings
from autotag.guards import attempt
from autotag.inference.process.process import Prediction
from autotag.providers.base import AutoTagProvider, Classification, ProviderError
from autotag.tagging.provider_health.call_quota import reserve_call
from autotag.tagging.provider_health.factory import ProviderFactory

logger = structlog.stdlib.get_logger(__name__)

PICTURE = Path(__file__).with_name("test_picture.jpg")
PICTURE_SIZE = (224, 224)
PATIENCE_SECONDS = 20.0
LABELS_SHOWN = 10
LABEL_LENGTH = 80

TOO_SLOW = f"No answer came within {PATIENCE_SECONDS:.0f} seconds. Check the address and the network, then try again."
INCOMPLETE = "Enter and save the key and the other required values first."
STAYS_HERE = "This provider runs on this machine: there is no connection to try."


@dataclass(frozen=True, slots=True)
class BuiltInPicture:
    """The picture that is sent, as providers see images: fixed bytes, nothing to decode."""

    mime_type: str = "image/jpeg"
    size: tuple[int, int] = PICTURE_SIZE

    def classify(self, model: Path) -> Classification:  # noqa: ARG002 - a provider of TaggableImage names it
        """Refuse: a model on this machine has no connection to try. Raises ProviderError."""
        raise ProviderError("stays_here", STAYS_HERE)

    def jpeg(self, longest_side: int) -> bytes:  # noqa: ARG002 - smaller than any service's limit as it is
        """Return the picture's bytes."""
        return PICTURE.read_bytes()


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it: labels with their confidence, highest first, or the reason why there are none."""

    labels: tuple[tuple[str, float], ...] = ()
    reason: str = ""


def is_complete(settings: ProviderSettings) -> bool:
    """Whether everything is saved that the provider cannot do without."""
    resolved = settings.resolved
    return all(resolved.values[name] for name in resolved.entry.required)


def try_connection(
    sessions: sessionmaker[Session], build: ProviderFactory, settings: ProviderSettings, instance_id: int
) -> Trial:
    """Send the built-in picture to a provider; return its labels or the reason why there are none.

    It counts as a call of the instance, within its monthly limit. The caller waits 20 seconds at most, which is
    less than the providers' own time limits: a call that takes longer goes on in a thread of its own until they
    end it, and what it brings is dropped. No transaction may be open meanwhile.
    """
    if not is_complete(settings):
        return Trial(reason=INCOMPLETE)
    failures: list[Trial] = []
    provider = attempt(partial(_built, build, settings), lambda error: failures.append(_failed(error)))
    if provider is None:
        return failures[0]
    if not provider.sends_image:
        return Trial(reason=STAYS_HERE)
    limit = int(settings.resolved.values.get("maximum_number_of_calls", 0))
    if reserve_call(sessions, instance_id, settings.provider, limit) is not None:
        return Trial(reason=f"The {limit:,} images that this month allows have been sent.")
    return _ask_patiently(provider)


def _built(build: ProviderFactory, settings: ProviderSettings) -> AutoTagProvider | None:
    return build(settings)


def _ask_patiently(provider: AutoTagProvider) -> Trial:
    results: queue.SimpleQueue[Trial] = queue.SimpleQueue()
    threading.Thread(target=lambda: results.put(_ask(provider)), daemon=True).start()
    try:
        return results.get(timeout=PATIENCE_SECONDS)
    except queue.Empty:
        return Trial(reason=TOO_SLOW)


def _ask(provider: AutoTagProvider) -> Trial:
    return attempt(lambda: Trial(labels=_shown(provider.tag(BuiltInPicture()).predictions)), _failed)


def _failed(error: Exception) -> Trial:
    """Return the reason. What a provider raises that no provider should is logged with its traceback."""
    if isinstance(error, ProviderError):
        return Trial(reason=error.message)
    logger.error("provider failed", exc_info=error)
    return Trial(
        reason=f"The provider stopped with an error of its own ({type(error).__name__}). The log says more."
    )


def _shown(predictions: Sequence[Prediction]) -> tuple[tuple[str, float], ...]:
    return tuple((found.name[:LABEL_LENGTH], found.confidence) for found in predictions[:LABELS_SHOWN])
