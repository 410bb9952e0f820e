"""The image in hand: decoded once, in the inference process, for every use that this attempt has for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autotag.inference.process.process import ImageRequest, ImageResult, InferenceProcess, Rendition
from autotag.media.storage.renditions import PREVIEW_SIDE, THUMBNAIL_SIDE, preview_key, thumbnail_key
from autotag.media.storage.storage import Storage, original_key
from autotag.metrics.worker_metrics import note_stages
from autotag.providers.base import Classification
from autotag.tagging.pipeline.outcome import ImageFacts


class ImageInHand:
    """A document's image during one attempt.

    Whoever needs it decoded first gets the renditions made in the same go; `finish` makes them when no
    provider needed it. A model runs in `process`; what needs no model is decoded in `decoder`, so that it goes
    on while the TensorFlow process is disabled, and its crashes are no crashes of TensorFlow. `is_urgent` says that
    nothing else waits to be decoded. `failure` is what was raised here last: a provider lets it pass, and is not to
    blame for it.
    """

    def __init__(
        self,
        sha256: str,
        mime_type: str,
        *,
        storage: Storage,
        process: InferenceProcess,
        decoder: InferenceProcess,
        maximum_pixels: int,
        reads_keywords: bool = False,
        is_urgent: bool = False,
    ) -> None:
        self.sha256 = sha256
        self.mime_type = mime_type
        self.facts: ImageFacts | None = None
        self.failure: BaseException | None = None
        self._storage = storage
        self._process = process
        self._decoder = decoder
        self._maximum_pixels = maximum_pixels
        self._reads_keywords = reads_keywords
        self._is_urgent = is_urgent

    @property
    def has_renditions(self) -> bool:
        """Whether preview and thumbnail are there from before, so that they need not be made."""
        with self._noted():
            return all(
                self._storage.exists(key) for key in (preview_key(self.sha256), thumbnail_key(self.sha256))
            )

    def classify(self, model: Path) -> Classification:
        """Run a model on the image. Raises the errors of autotag.inference.errors."""
        with self._noted():
            result = self._decode(model)
        return Classification(result.predictions, result.runtime or "")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, after EXIF orientation. Raises the errors of autotag.inference.errors."""
        facts = self.finish()
        return facts.width, facts.height

    def jpeg(self, longest_side: int) -> bytes:
        """Return the image as a JPEG without metadata, scaled down to a longest side in pixels, never up.

        Raises the errors of autotag.inference.errors.
        """
        with self._noted():
            rendition = Rendition(self._storage.incoming(), longest_side)
            try:
                self._decode(None, rendition)
                return rendition.path.read_bytes()
            finally:
                rendition.path.unlink(missing_ok=True)

    def finish(self) -> ImageFacts:
        """Make the renditions unless they are made, and return what decoding told. Raises as `classify`."""
        if self.facts is None:
            with self._noted():
                self._decode(None)
        assert self.facts is not None  # noqa: S101 - for the type checker: _decode sets it or raises
        return self.facts

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self.failure = error
            raise

    def _decode(self, model: Path | None, *more: Rendition) -> ImageResult:
        wanted = {}
        if self.facts is None:
            wanted = {
                preview_key(self.sha256): Rendition(self._storage.incoming(), PREVIEW_SIDE),
                thumbnail_key(self.sha256): Rendition(self._storage.incoming(), THUMBNAIL_SIDE),
            }
        try:
            with self._storage.on_disk(original_key(self.sha256)) as path:
                request = ImageRequest(
                    path=path,
                    model=model,
                    renditions=(*wanted.values(), *more),
                    maximum_pixels=self._maximum_pixels,
                    reads_keywords=self._reads_keywords and self.facts is None,
                    is_urgent=self._is_urgent,
                )
                result = (self._decoder if model is None else self._process).process(request)
            for key, rendition in wanted.items():
                # They can be made again from the original, so they need not survive a power cut.
                self._storage.keep(rendition.path, key, durable=False)
        finally:
            for rendition in wanted.values():
                rendition.path.unlink(missing_ok=True)
        note_stages(result.seconds)
        keywords = result.keywords if self.facts is None else self.facts.keywords
        self.facts = ImageFacts(result.width, result.height, result.placeholder, result.exif, keywords)
        return result
