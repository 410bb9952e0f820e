"""Writes small TFLite graphs with LiteRT's schema: a model built here need not be downloaded.

Only the float32 operators of a plain convolutional classifier are here. The file format is TFLite's
`schema.fbs`, version 3; operator codes, padding and activation numbers come from its generated module.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILE_IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
# TFLite's schema demands it of every buffer, so that kernels may read constants where they lie.
BUFFER_ALIGNMENT = 16
# Room for everything in the file that is not a constant.
STRUCTURE_BYTES = 1 << 17


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the graph: its number there, and its shape."""

    index: int
    shape: tuple[int, ...]


class Graph:
    """A graph that grows by one operator a call; tensors are float32 in NHWC order, paddings SAME.

    SAME is TensorFlow's: an axis of length n becomes ceil(n / stride), and an odd padding has its larger half
    at the end.
    """

    def __init__(self) -> None:
        # LiteRT's schema module and the flatbuffers package carry no types.
        self._schema: Any = importlib.import_module("ai_edge_litert.schema_py_generated")
        self._constants: list[NDArray[Any]] = [np.empty(0, np.uint8)]  # buffer 0 means "no constant"
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._operator_codes: list[int] = []
        self._inputs: list[Tensor] = []

    def input(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """An input tensor of the graph."""
        tensor = self._tensor(name, shape)
        self._inputs.append(tensor)
        return tensor

    def convolution(
        self,
        source: Tensor,
        kernel: NDArray[np.float32],
        bias: NDArray[np.float32],
        *,
        stride: int = 1,
        relu6: bool,
        name: str = "",
    ) -> Tensor:
        """A convolution.

        `kernel` is [output channels, height, width, input channels], `bias` [output channels].
        """
        options = self._schema.Conv2DOptionsT()
        options.dilationWFactor = options.dilationHFactor = 1
        self._set_window(options, stride, relu6)
        inputs = [source, self._constant(kernel), self._constant(bias)]
        shape = _same_shape(source.shape, stride, kernel.shape[0])
        return self._operator("CONV_2D", "Conv2DOptions", options, inputs, shape, name)

    def depthwise_convolution(
        self,
        source: Tensor,
        kernel: NDArray[np.float32],
        bias: NDArray[np.float32],
        *,
        stride: int = 1,
        relu6: bool,
    ) -> Tensor:
        """A convolution of each channel by itself.

        `kernel` is [1, height, width, channels], `bias` [channels].
        """
        options = self._schema.DepthwiseConv2DOptionsT()
        options.dilationWFactor = options.dilationHFactor = options.depthMultiplier = 1
        self._set_window(options, stride, relu6)
        inputs = [source, self._constant(kernel), self._constant(bias)]
        shape = _same_shape(source.shape, stride, kernel.shape[3])
        return self._operator("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions", options, inputs, shape)

    def add(self, first: Tensor, second: Tensor) -> Tensor:
        """The element-wise sum of two tensors of one shape."""
        options = self._schema.AddOptionsT()
        return self._operator("ADD", "AddOptions", options, [first, second], first.shape)

    def spatial_mean(self, source: Tensor, name: str) -> Tensor:
        """The mean over height and width: [batch, height, width, channels] becomes [batch, channels]."""
        options = self._schema.ReducerOptionsT()
        options.keepDims = False
        axes = self._constant(np.array([1, 2], np.int32))
        batch, _, _, channels = source.shape
        return self._operator("MEAN", "ReducerOptions", options, [source, axes], (batch, channels), name)

    def fully_connected(
        self, source: Tensor, weights: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> Tensor:
        """A dense layer; `weights` is [outputs, inputs], `bias` [outputs]."""
        options = self._schema.FullyConnectedOptionsT()
        inputs = [source, self._constant(weights), self._constant(bias)]
        shape = (source.shape[0], weights.shape[0])
        return self._operator("FULLY_CONNECTED", "FullyConnectedOptions", options, inputs, shape)

    def softmax(self, source: Tensor, name: str) -> Tensor:
        """Softmax over the last axis."""
        options = self._schema.SoftmaxOptionsT()
        options.beta = 1.0
        return self._operator("SOFTMAX", "SoftmaxOptions", options, [source], source.shape, name)

    def serialise(self, outputs: Sequence[Tensor], description: str) -> bytes:
        """The .tflite file whose outputs are `outputs`, in that order."""
        builder_class: Any = importlib.import_module("flatbuffers").Builder
        builder = builder_class(sum(constant.nbytes for constant in self._constants) + STRUCTURE_BYTES)
        buffers = _offset_vector(builder, [self._write_buffer(builder, item) for item in self._constants])
        subgraphs = _offset_vector(builder, [self._subgraph(outputs).Pack(builder)])
        codes = _offset_vector(
            builder, [self._operator_code(code).Pack(builder) for code in self._operator_codes]
        )
        text = builder.CreateString(description)
        schema = self._schema
        schema.ModelStart(builder)
        schema.ModelAddVersion(builder, SCHEMA_VERSION)
        schema.ModelAddOperatorCodes(builder, codes)
        schema.ModelAddSubgraphs(builder, subgraphs)
        schema.ModelAddDescription(builder, text)
        schema.ModelAddBuffers(builder, buffers)
        builder.Finish(schema.ModelEnd(builder), FILE_IDENTIFIER)
        return bytes(builder.Output())

    def _set_window(self, options: Any, stride: int, relu6: bool) -> None:
        """Sets what both kinds of convolution share: padding, strides and activation."""
        activations = self._schema.ActivationFunctionType
        options.padding = self._schema.Padding.SAME
        options.strideW = options.strideH = stride
        options.fusedActivationFunction = activations.RELU6 if relu6 else activations.NONE

    def _tensor(self, name: str, shape: tuple[int, ...], kind: str = "FLOAT32", buffer: int = 0) -> Tensor:
        """Adds a tensor; `buffer` is the number of its constant, 0 for a tensor that is computed."""
        tensor = self._schema.TensorT()
        tensor.name = name
        tensor.shape = np.array(shape, np.int32)
        tensor.type = getattr(self._schema.TensorType, kind)
        tensor.buffer = buffer
        self._tensors.append(tensor)
        return Tensor(len(self._tensors) - 1, shape)

    def _constant(self, values: NDArray[Any]) -> Tensor:
        """Adds a constant of float32 or int32."""
        little_endian = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        self._constants.append(little_endian)
        number = len(self._constants) - 1
        return self._tensor(f"constant_{number}", values.shape, values.dtype.name.upper(), number)

    def _operator(
        self,
        code: str,
        options_name: str,
        options: Any,
        inputs: list[Tensor],
        shape: tuple[int, ...],
        name: str = "",
    ) -> Tensor:
        """Adds an operator and the tensor that it computes."""
        result = self._tensor(name or f"{code.lower()}_{len(self._operators)}", shape)
        number = getattr(self._schema.BuiltinOperator, code)
        if number not in self._operator_codes:
            self._operator_codes.append(number)
        operator = self._schema.OperatorT()
        operator.opcodeIndex = self._operator_codes.index(number)
        operator.inputs = [tensor.index for tensor in inputs]
        operator.outputs = [result.index]
        operator.builtinOptionsType = getattr(self._schema.BuiltinOptions, options_name)
        operator.builtinOptions = options
        self._operators.append(operator)
        return result

    def _operator_code(self, number: int) -> Any:
        """The record of one kind of operator.

        Every operator here is below 127, where old and new field agree.
        """
        code = self._schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = number
        code.version = 1
        return code

    def _subgraph(self, outputs: Sequence[Tensor]) -> Any:
        """The record of the whole graph."""
        subgraph = self._schema.SubGraphT()
        subgraph.name = "main"
        subgraph.tensors = self._tensors
        subgraph.operators = self._operators
        subgraph.inputs = [tensor.index for tensor in self._inputs]
        subgraph.outputs = [tensor.index for tensor in outputs]
        return subgraph

    def _write_buffer(self, builder: Any, constant: NDArray[Any]) -> int:
        """Writes one buffer and returns its offset. The generated code would align it to one byte only."""
        data = None
        if constant.nbytes:
            content = constant.tobytes()
            builder.StartVector(1, len(content), BUFFER_ALIGNMENT)
            builder.head -= len(content)
            builder.Bytes[builder.head : builder.head + len(content)] = content
            data = builder.EndVector()
        self._schema.BufferStart(builder)
        if data is not None:
            self._schema.BufferAddData(builder, data)
        offset: int = self._schema.BufferEnd(builder)
        return offset


def _same_shape(source: tuple[int, ...], stride: int, channels: int) -> tuple[int, ...]:
    """The shape after a convolution with SAME padding; the double minus rounds the division up."""
    batch, height, width, _ = source
    return (batch, -(-height // stride), -(-width // stride), channels)


def _offset_vector(builder: Any, offsets: Sequence[int]) -> int:
    """Writes a vector of offsets in the given order and returns its own offset."""
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    vector: int = builder.EndVector()
    return vector
