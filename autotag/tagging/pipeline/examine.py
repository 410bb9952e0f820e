"""One document in hand: asked about, decided on, and given an outcome, whatever is raised meanwhile."""

from collections.abc import Callable
from dataclasses import replace

from autotag.configuration.effective import TaggingSettings
from autotag.inference.process.process import InferenceProcess
from autotag.media.sniffing import IMAGE_TYPES, claims_to_be_image
from autotag.media.storage.storage import Storage
from autotag.models import TaggingState
from autotag.tagging.pipeline.claims import Claim
from autotag.tagging.pipeline.decide_outcome import conclude
from autotag.tagging.pipeline.image import ImageInHand
from autotag.tagging.pipeline.outcome import Outcome
from autotag.tagging.pipeline.provider_calls import Interviewer, Replies, Stopwatch
from autotag.tagging.pipeline.trouble import outcome_of


class Examiner:
    """Takes a claimed document to an outcome. Threads may share it."""

    def __init__(
        self,
        *,
        storage: Storage,
        process: InferenceProcess,
        decoder: InferenceProcess,
        settings: Callable[[int, int], TaggingSettings],
        interviewer: Interviewer,
    ) -> None:
        self._storage = storage
        self._process = process
        self._decoder = decoder
        self._settings = settings
        self._interviewer = interviewer

    def examine(self, held: Claim, waiting: Stopwatch, *, is_alone: bool) -> Outcome:
        """Return how the attempt ends. Raises nothing at all, not even what a provider means to end the process with.

        What providers have said by then is in the outcome in any case, so that it is not asked and paid for again.
        """
        replies = Replies()
        concluded: Outcome | None = None
        image: ImageInHand | None = None
        try:
            if held.mime_type not in IMAGE_TYPES:
                return _not_an_image(held)
            settings = self._settings(held.instance_id, held.configuration_version)
            image = self._take_up(held, settings, is_urgent=is_alone)
            concluded = _why_not(held, settings)
            if concluded is None:
                self._interviewer.ask(held, image, settings, replies, waiting)
                concluded = conclude(held, settings, replies)
            if concluded.crashed or (held.is_decoded and image.facts is None and image.has_renditions):
                return concluded
            return replace(concluded, facts=image.finish())
        except BaseException as error:
            is_of_image = image is not None and image.failure is error
            return replace(
                outcome_of(held, error, is_of_image=is_of_image),
                predictions=tuple(replies.answers),
                decisions=() if concluded is None else concluded.decisions,
                judged=concluded is not None,
                facts=None if image is None else image.facts,
            )

    def _take_up(self, held: Claim, settings: TaggingSettings, *, is_urgent: bool) -> ImageInHand:
        return ImageInHand(
            held.sha256,
            held.mime_type,
            storage=self._storage,
            process=self._process,
            decoder=self._decoder,
            maximum_pixels=settings.maximum_pixels,
            reads_keywords=settings.imports_keywords and not held.is_decoded,
            is_urgent=is_urgent,
        )


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
