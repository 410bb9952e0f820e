"""Takes a TFLite classifier that somebody brings, with its labels, into the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autotag.inference.errors import ModelCode, ModelRejected
from autotag.inference.installing.store import ModelStore, storage_errors_explained
from autotag.inference.installing.trial import run_once
from autotag.inference.installing.unpacking import copy_limited
from autotag.inference.models import normalisation
from autotag.inference.models.catalogue import CATALOGUE, CROP_FRACTION, RESAMPLING
from autotag.inference.models.digests import sha256
from autotag.inference.models.labels import names_background, parse_labels
from autotag.inference.models.metadata import (
    LARGEST_LABEL_FILE,
    EmbeddedMetadata,
    read_label_file,
    read_metadata,
)
from autotag.inference.models.model import (
    LABEL_FILE,
    LARGEST_INPUT,
    MODEL_FILE,
    ModelDescription,
    write_description,
)
from autotag.inference.models.outline import TENSOR_KINDS, ModelOutline, TensorOutline, read_outline

LARGEST_MODEL = 500_000_000
NOT_STATED = "not stated"


def import_model(
    store: ModelStore,
    file: Path,
    *,
    name: str,
    labels: Path | None = None,
    mean: Sequence[float] | None = None,
    standard_deviation: Sequence[float] | None = None,
    title: str | None = None,
) -> ModelDescription:
    """Imports the .tflite `file` as the model called `name` and returns its description.

    `labels` has one label a line for each output. The first one tells whether the first output is a background
    class (see `labels.BACKGROUND_NAMES`); a file that leaves it out is refused, since nothing else tells such a
    model from one whose labels are wrong by one. `mean` and `standard_deviation` have one number or three, in
    units of 0..255. What is not given is read from TFLite metadata in the file. The model is run once, in a
    process of its own, before it is accepted, and is there whole or not at all.

    Raises `ModelRejected` when it is not a classifier of RGB pictures with one float32, uint8 or int8 input of
    fixed size, when labels and outputs disagree, when something is missing, when it does not run, or when
    another model has that name. The same file under the same name replaces the labels and numbers.
    """
    if name in CATALOGUE:
        message = f"{name!r} is the name of a model of the catalogue; choose another."
        raise ModelRejected(ModelCode.NAME_TAKEN, message)
    given = _Given(name, labels, mean, standard_deviation, title)
    with storage_errors_explained(), store.preparing(name) as building:
        with file.open("rb") as stream:
            copy_limited(stream, building / MODEL_FILE, LARGEST_MODEL)
        outline = read_outline(building / MODEL_FILE)
        description, names = _described(outline, building / MODEL_FILE, file.name, given)
        _expect_free(store, description)
        write_description(building, description, names)
        _expect_it_runs(building, outline, len(names))
        store.put_in_place(building, name)
        return description


@dataclass(frozen=True, slots=True)
class _Given:
    """What a person says of the model."""

    name: str
    labels: Path | None
    mean: Sequence[float] | None
    standard_deviation: Sequence[float] | None
    title: str | None


def _described(
    outline: ModelOutline, model_file: Path, original_name: str, given: _Given
) -> tuple[ModelDescription, list[str]]:
    """The description and the labels, put together from what was given and what the file says."""
    image = _image_input(outline)
    metadata = read_metadata(outline.metadata)
    labels = _labels(given.labels, metadata, model_file)
    mean, deviation = normalisation.choose(image, metadata, given.mean, given.standard_deviation)
    description = ModelDescription(
        name=given.name,
        title=given.title or metadata.title or given.name,
        input_width=image.shape[2],
        input_height=image.shape[1],
        mean=mean,
        standard_deviation=deviation,
        crop_fraction=CROP_FRACTION,
        resampling=RESAMPLING,
        model_file=MODEL_FILE,
        label_file=LABEL_FILE,
        has_background_class=names_background(labels[0]),
        class_count=len(labels),
        licence=metadata.licence or NOT_STATED,
        source=f"imported from {original_name}",
        accuracy=NOT_STATED,
        sha256=sha256(model_file),
        size=model_file.stat().st_size,
    )
    return description, labels


def _expect_free(store: ModelStore, description: ModelDescription) -> None:
    """Raises `ModelRejected` when another sound model has the name."""
    present = store.present(description.name)
    if present and present.sha256 != description.sha256:
        message = f"Another model is called {description.name!r}; choose another name or remove it first."
        raise ModelRejected(ModelCode.NAME_TAKEN, message)


def _image_input(outline: ModelOutline) -> TensorOutline:
    """The model's only input. Raises `ModelRejected` unless one RGB picture of a fixed size can be fed to it."""
    if len(outline.inputs) != 1:
        raise _refused(f"The model has {len(outline.inputs)} inputs; a classifier of pictures has one.")
    (image,) = outline.inputs
    # A batch of any size is usual and harmless: it is allocated as one picture.
    if -1 in image.signature[1:]:
        raise _refused(
            f"The model's input has sides that change {list(image.signature)}; give it a fixed size."
        )
    match image.shape:
        case (1, height, width, 3) if 1 <= height <= LARGEST_INPUT and 1 <= width <= LARGEST_INPUT:
            pass
        case shape:
            raise _refused(f"The model's input is {list(shape)}; a picture is [1, height, width, 3].")
    if image.kind not in TENSOR_KINDS.values():
        kinds = ", ".join(TENSOR_KINDS.values())
        raise _refused(
            f"The model's input is of {image.kind} of TFLite's tensor types; it can be one of {kinds}."
        )
    return image


def _labels(file: Path | None, metadata: EmbeddedMetadata, model_file: Path) -> list[str]:
    """The labels that were given, else those inside the model. Raises `ModelRejected` when there are none."""
    if file is not None:
        if file.stat().st_size > LARGEST_LABEL_FILE:
            raise ModelRejected(ModelCode.LABELS_INVALID, "The label file is unreasonably large.")
        return parse_labels(file.read_bytes())
    if metadata.label_file:
        return parse_labels(read_label_file(model_file, metadata.label_file))
    message = "The model holds no labels; give a file with one label a line."
    raise ModelRejected(ModelCode.LABELS_INVALID, message)


def _expect_it_runs(folder: Path, outline: ModelOutline, label_count: int) -> None:
    """Runs the model once. Raises `ModelRejected` when that fails, with advice where only a background lacks."""
    try:
        run_once(folder)
    except ModelRejected as error:
        lengths = {output.shape[-1] for output in outline.outputs if output.shape}
        if error.code is not ModelCode.LABELS_MISMATCH or label_count + 1 not in lengths:
            raise
        advice = "If its first output is a background class, make 'background' the first line of the labels."
        raise ModelRejected(error.code, f"{error.message} {advice}") from error


def _refused(message: str) -> ModelRejected:
    return ModelRejected(ModelCode.NOT_A_CLASSIFIER, message)
