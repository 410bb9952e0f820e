"""A model of the tests' own: a real TFLite classifier of a few hundred bytes."""

from __future__ import annotations

import importlib
import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray


@dataclass
class TinyClassifier:
    """A real TFLite classifier: the mean colour of a picture, one dense layer, and a softmax if asked for.

    The quantised kinds have the usual input, scale 1/128 about the middle, and weights of their own scale.
    """

    kind: str = "float32"
    weights: NDArray[Any] = field(default_factory=lambda: 4 * np.eye(3))
    bias: NDArray[Any] = field(default_factory=lambda: np.zeros(3))
    side: int = 4
    softmax: bool = True
    shape: tuple[int, ...] | None = None
    signature: tuple[int, ...] | None = None
    input_count: int = 1
    metadata: bytes | None = None
    files: dict[str, bytes] = field(default_factory=dict)

    def content(self) -> bytes:
        """The .tflite file."""
        schema: Any = importlib.import_module("ai_edge_litert.schema_py_generated")
        builder: Any = importlib.import_module("flatbuffers").Builder(1 << 16)
        model, graph = schema.ModelT(), schema.SubGraphT()
        model.version, model.buffers, model.subgraphs = 3, [schema.BufferT()], [graph]
        graph.tensors, graph.operators, model.operatorCodes = [], [], []
        outputs = self._write(schema, model, graph)
        graph.inputs, graph.outputs = list(range(self.input_count)), [outputs]
        if self.metadata is not None:
            buffer, entry = schema.BufferT(), schema.MetadataT()
            buffer.data = np.frombuffer(self.metadata, np.uint8)
            entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers)
            model.buffers.append(buffer)
            model.metadata = [entry]
        builder.Finish(model.Pack(builder), b"TFL3")
        return self._with_files(bytes(builder.Output()))

    def _with_files(self, content: bytes) -> bytes:
        if not self.files:
            return content
        stream = io.BytesIO(content)
        with zipfile.ZipFile(stream, "a") as archive:
            for name, text in self.files.items():
                archive.writestr(name, text)
        return stream.getvalue()

    def _write(self, schema: Any, model: Any, graph: Any) -> int:
        """Writes tensors and operators; returns the number of the output."""
        middle = {"uint8": 128, "int8": 0, "float32": 0}[self.kind]
        scale = float(np.abs(self.weights).max() or 1) / 127
        classes = len(self.bias)
        image = self._tensor(
            schema, model, graph, self.shape or (1, self.side, self.side, 3), (1 / 128, middle)
        )
        graph.tensors[image].shapeSignature = self.signature
        for _ in range(self.input_count - 1):
            self._tensor(schema, model, graph, (1, 3), (1 / 128, middle))
        colour = self._tensor(schema, model, graph, (1, 1, 1, 3), (1 / 128, middle))
        weights = self._tensor(schema, model, graph, (classes, 3), (scale, middle), self.weights)
        bias = self._tensor(schema, model, graph, (classes,), (scale / 128, 0), self.bias, is_bias=True)
        logits = self._tensor(schema, model, graph, (1, classes), (0.1, middle))
        pool = schema.Pool2DOptionsT()
        pool.padding = schema.Padding.VALID
        pool.strideW = pool.strideH = 1
        pool.filterWidth = pool.filterHeight = self.side
        self._operator(schema, model, graph, "AVERAGE_POOL_2D", ("Pool2DOptions", pool), [image], colour)
        dense = ("FullyConnectedOptions", schema.FullyConnectedOptionsT())
        self._operator(schema, model, graph, "FULLY_CONNECTED", dense, [colour, weights, bias], logits)
        if not self.softmax:
            return logits
        lowest = -128 if self.kind == "int8" else 0
        result = self._tensor(schema, model, graph, (1, classes), (1 / 256, lowest))
        options = schema.SoftmaxOptionsT()
        options.beta = 1.0
        self._operator(schema, model, graph, "SOFTMAX", ("SoftmaxOptions", options), [logits], result)
        return result

    def _tensor(
        self,
        schema: Any,
        model: Any,
        graph: Any,
        shape: tuple[int, ...],
        quantisation: tuple[float, int],
        values: NDArray[Any] | None = None,
        is_bias: bool = False,
    ) -> int:
        kind = "int32" if is_bias and self.kind != "float32" else self.kind
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = f"tensor_{len(graph.tensors)}", list(shape), 0
        tensor.type = getattr(schema.TensorType, kind.upper())
        scale, zero_point = quantisation
        if kind != "float32":
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero_point]
        if values is not None:
            stored = values if kind == "float32" else np.rint(values / scale) + zero_point
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(stored.astype(kind).tobytes(), np.uint8)
            tensor.buffer = len(model.buffers)
            model.buffers.append(buffer)
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    def _operator(
        self,
        schema: Any,
        model: Any,
        graph: Any,
        code: str,
        options: tuple[str, Any],
        inputs: list[int],
        output: int,
    ) -> None:
        entry, operator = schema.OperatorCodeT(), schema.OperatorT()
        entry.builtinCode = entry.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, code)
        # The first versions of these operators knew no int8.
        entry.version = {"FULLY_CONNECTED": 4}.get(code, 2) if self.kind == "int8" else 1
        operator.opcodeIndex = len(model.operatorCodes)
        operator.inputs, operator.outputs = inputs, [output]
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, options[0])
        operator.builtinOptions = options[1]
        model.operatorCodes.append(entry)
        graph.operators.append(operator)


COLOURS = {"red": (250, 20, 20), "green": (20, 250, 20), "blue": (20, 20, 250)}
"""The classes of the model `colours`, with what shows each."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What an administrator brings to import a model: two files, and how to normalise pixels."""

    name: str
    weights: Path
    labels: Path
    normalisation: tuple[str, ...] = ("--mean", "127.5", "--std", "127.5")

    def import_options(self) -> tuple[str, ...]:
        """Return the arguments of `autotag models import`."""
        files = (str(self.weights), "--name", self.name, "--labels", str(self.labels))
        return (*files, *self.normalisation)


@pytest.fixture(scope="session")
def colours_model(tmp_path_factory: pytest.TempPathFactory) -> ModelFiles:
    """A small real model, `colours`, that names the colour of a picture."""
    folder = tmp_path_factory.mktemp("colours")
    weights, labels = folder / "colours.tflite", folder / "labels.txt"
    weights.write_bytes(TinyClassifier().content())
    labels.write_text("".join(f"{name}\n" for name in COLOURS))
    return ModelFiles("colours", weights, labels)
