"""What a .tflite file says of itself, read without any TFLite runtime: inputs, outputs, embedded metadata.

Field numbers are those of TFLite's `schema.fbs`, version 3.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

from autotag.inference.errors import ModelCode, ModelRejected
from autotag.inference.models.tables import DamagedTables, Table

FILE_IDENTIFIER = b"TFL3"
METADATA_NAME = "TFLITE_METADATA"
# schema.fbs, enum TensorType; the three kinds that a picture can be fed as.
TENSOR_KINDS = {0: "float32", 3: "uint8", 9: "int8"}


@dataclass(frozen=True, slots=True)
class TensorOutline:
    """One input or output.

    `shape` is what it is allocated as; `signature` has -1 for each side that may change (it is empty when none
    may). `kind` is numpy's name of the type, or "type N" for one that a classifier does not have. A quantised
    value q stands for scale x (q - zero point); `scale` is 0 where there is none.
    """

    shape: tuple[int, ...]
    signature: tuple[int, ...]
    kind: str
    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class ModelOutline:
    """The inputs and outputs of the first graph, and the content of the metadata buffer if there is one."""

    inputs: tuple[TensorOutline, ...]
    outputs: tuple[TensorOutline, ...]
    metadata: bytes | None


def read_outline(path: Path) -> ModelOutline:
    """The outline of the model file at `path`.

    Raises `ModelRejected` when it is not a TFLite file or its structure is damaged.
    """
    with path.open("rb") as stream:
        if stream.read(8)[4:] != FILE_IDENTIFIER:
            raise _refused("The file is not a TFLite model.")
        # Mapped, so that hundreds of megabytes of constants are not read for a few tables.
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _outline(Table.root(data))
            except (DamagedTables, IndexError) as error:
                raise _refused("The TFLite model is damaged.") from error


def _outline(model: Table) -> ModelOutline:
    graph = model.tables(2)[0]
    tensors = graph.tables(0)
    inputs, outputs = (
        tuple(_tensor(tensors[_checked(index)]) for index in graph.numbers(field, "i")) for field in (1, 2)
    )
    return ModelOutline(inputs, outputs, _metadata(model))


def _checked(index: int) -> int:
    if index < 0:
        raise DamagedTables
    return index


def _tensor(tensor: Table) -> TensorOutline:
    number = tensor.number(1, "b")
    quantisation = tensor.table(4)
    scales = quantisation.numbers(2, "f") if quantisation else ()
    zero_points = quantisation.numbers(3, "q") if quantisation else ()
    return TensorOutline(
        shape=tensor.numbers(0, "i"),
        signature=tensor.numbers(7, "i"),
        kind=TENSOR_KINDS.get(number, f"type {number}"),
        scale=scales[0] if scales else 0.0,
        zero_point=zero_points[0] if zero_points else 0,
    )


def _metadata(model: Table) -> bytes | None:
    """The buffer that the list of metadata calls by the name that TFLite's metadata has."""
    for entry in model.tables(6):
        if entry.text(0) == METADATA_NAME:
            return model.tables(4)[entry.number(1, "I")].blob(0)
    return None


def _refused(message: str) -> ModelRejected:
    return ModelRejected(ModelCode.NOT_A_CLASSIFIER, message)
