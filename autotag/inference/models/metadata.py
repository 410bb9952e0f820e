"""What TFLite metadata inside a model says: how to feed it, and which file beside it holds its labels.

The metadata is a FlatBuffers file of its own in a buffer of the model; the files that it names are in a ZIP
archive behind the model, in the same file. Field numbers are those of TFLite Support's `metadata_schema.fbs`.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from autotag.inference.errors import ModelCode, ModelRejected
from autotag.inference.models.tables import DamagedTables, Table

FILE_IDENTIFIER = b"M001"
# metadata_schema.fbs: union ProcessUnitOptions, enum AssociatedFileType.
NORMALISATION_OPTIONS = 1
LABEL_FILE_TYPES = (2, 3)
LARGEST_LABEL_FILE = 10_000_000


@dataclass(frozen=True, slots=True)
class EmbeddedMetadata:
    """`mean` and `standard_deviation` have one number or one for each channel; what is not said is empty."""

    title: str = ""
    licence: str = ""
    mean: tuple[float, ...] = ()
    standard_deviation: tuple[float, ...] = ()
    label_file: str = ""


def read_metadata(content: bytes | None) -> EmbeddedMetadata:
    """What `content`, the model's metadata buffer, says.

    Metadata that cannot be read says nothing: it is an extra, and a person can give all of it.
    """
    if content is None or content[4:8] != FILE_IDENTIFIER:
        return EmbeddedMetadata()
    try:
        return _metadata(Table.root(content))
    except DamagedTables:
        return EmbeddedMetadata()


def read_label_file(model: Path, name: str) -> bytes:
    """The content of the label file `name` in the archive behind the model.

    Raises `ModelRejected` when it is not there, damaged or unreasonably large.
    """
    try:
        with zipfile.ZipFile(model) as archive, archive.open(name) as stream:
            content = stream.read(LARGEST_LABEL_FILE + 1)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, EOFError) as error:
        message = f"The model names the label file {name!r} but does not hold it; give the labels."
        raise ModelRejected(ModelCode.LABELS_INVALID, message) from error
    if len(content) > LARGEST_LABEL_FILE:
        raise ModelRejected(ModelCode.LABELS_INVALID, "The model's label file is unreasonably large.")
    return content


def _metadata(root: Table) -> EmbeddedMetadata:
    graphs = root.tables(3)
    inputs = graphs[0].tables(2) if graphs else []
    outputs = graphs[0].tables(3) if graphs else []
    mean, standard_deviation = _normalisation(inputs)
    return EmbeddedMetadata(
        title=_one_line(root.text(0)),
        licence=_one_line(root.text(5)),
        mean=mean,
        standard_deviation=standard_deviation,
        label_file=_label_file(outputs),
    )


def _normalisation(inputs: list[Table]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of the first input."""
    for unit in inputs[0].tables(4) if inputs else []:
        options = unit.table(1)
        if unit.number(0, "B") == NORMALISATION_OPTIONS and options:
            return options.numbers(0, "f"), options.numbers(1, "f")
    return (), ()


def _label_file(outputs: list[Table]) -> str:
    """The first label file of any output. Those of further languages come after it."""
    for output in outputs:
        for file in output.tables(6):
            if file.number(2, "b") in LABEL_FILE_TYPES:
                return file.text(0)
    return ""


def _one_line(text: str) -> str:
    """The first line, at most 200 characters: some models carry a whole licence."""
    lines = text.strip().splitlines()
    return lines[0][:200] if lines else ""
