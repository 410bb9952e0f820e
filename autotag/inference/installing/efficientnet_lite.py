"""EfficientNet-Lite: from trained PyTorch weights to a TFLite graph.

The network is EfficientNet without squeeze-and-excitation and with ReLU6 for swish, in which stem and head
are not scaled. Source: Tan and Le, "EfficientNet", 2019 (table 1), and TensorFlow's announcement of
EfficientNet-Lite, 2020. Channel counts and kernel sizes are read from the weights; what the weights cannot
tell, strides and repeats, is in the tables below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotag.inference.errors import ModelCode, ModelRejected
from autotag.inference.installing.flatbuffer import Graph, Tensor

# Added to the variance; the value that the networks were trained with.
BATCH_NORM_EPSILON = 1e-3
STAGE_STRIDES = (1, 2, 2, 2, 1, 2, 1)
STEM_STRIDE = 2

Weights = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Variant:
    """One member of the family: its square input's side in pixels, and how often each stage repeats."""

    input_size: int
    repeats: tuple[int, int, int, int, int, int, int]


VARIANTS = {
    "lite0": Variant(224, (1, 2, 2, 3, 3, 4, 1)),
    "lite1": Variant(240, (1, 3, 3, 4, 4, 5, 1)),
    "lite2": Variant(260, (1, 3, 3, 4, 4, 5, 1)),
}


def build(weights: Weights, variant: Variant, description: str) -> bytes:
    """The .tflite file of the network.

    Input: float32 [1, size, size, 3], normalised. Outputs, in this order: probabilities [1, classes], the
    pooled embedding [1, channels] and the feature map [1, height, width, channels]. Raises `ModelRejected`
    when the weights are not those of `variant`.
    """
    graph = Graph()
    try:
        image = graph.input("image", (1, variant.input_size, variant.input_size, 3))
        features = _body(graph, image, weights, variant)
        kernel, bias = folded(weights, "_conv_head", "_bn1")
        feature_map = graph.convolution(features, kernel, bias, relu6=True, name="feature_map")
        embedding = graph.spatial_mean(feature_map, "embedding")
        logits = graph.fully_connected(
            embedding, _float32(weights["_fc.weight"]), _float32(weights["_fc.bias"])
        )
    except KeyError as error:
        raise ModelRejected(ModelCode.WEIGHTS_REFUSED, f"The weights lack the tensor {error}.") from error
    probabilities = graph.softmax(logits, "probabilities")
    return graph.serialise((probabilities, embedding, feature_map), description)


def _body(graph: Graph, image: Tensor, weights: Weights, variant: Variant) -> Tensor:
    """The stem and all blocks. Raises `ModelRejected` when the weights hold another number of blocks."""
    kernel, bias = folded(weights, "_conv_stem", "_bn0")
    features = graph.convolution(image, kernel, bias, stride=STEM_STRIDE, relu6=True)
    number = 0
    for repeats, stage_stride in zip(variant.repeats, STAGE_STRIDES, strict=True):
        for repeat in range(repeats):
            stride = stage_stride if repeat == 0 else 1
            features = _block(graph, features, weights, f"_blocks.{number}", stride)
            number += 1
    if f"_blocks.{number}._project_conv.weight" in weights:
        raise ModelRejected(
            ModelCode.WEIGHTS_REFUSED, f"The weights hold more than the expected {number} blocks."
        )
    return features


def _block(graph: Graph, source: Tensor, weights: Weights, prefix: str, stride: int) -> Tensor:
    """One inverted residual: expand, filter each channel, project; added to its input if shapes agree."""
    features = source
    # The first stage does not expand, and its weights say so by having no such layer.
    if f"{prefix}._expand_conv.weight" in weights:
        kernel, bias = folded(weights, f"{prefix}._expand_conv", f"{prefix}._bn0")
        features = graph.convolution(features, kernel, bias, relu6=True)
    kernel, bias = folded(weights, f"{prefix}._depthwise_conv", f"{prefix}._bn1")
    # [channels, height, width, 1] for the depthwise kernel becomes [1, height, width, channels].
    features = graph.depthwise_convolution(
        features, kernel.transpose(3, 1, 2, 0), bias, stride=stride, relu6=True
    )
    kernel, bias = folded(weights, f"{prefix}._project_conv", f"{prefix}._bn2")
    features = graph.convolution(features, kernel, bias, relu6=False)
    return graph.add(source, features) if features.shape == source.shape else features


def folded(weights: Weights, convolution: str, batch_norm: str) -> tuple[Floats, Floats]:
    """The kernel and bias of a convolution with the batch normalisation after it folded in.

    With g, b, m, v for scale, shift, running mean and running variance, normalisation computes g (x - m) /
    sqrt(v + e) + b, so the kernel is multiplied by g / sqrt(v + e) for each output channel and the bias is b
    - m g / sqrt(v + e). The kernel turns from PyTorch's [output, input, height, width] to TFLite's [output,
    height, width, input]. Raises `KeyError` when a tensor is missing.
    """
    kernel = np.asarray(weights[f"{convolution}.weight"], np.float64)
    scale, shift, mean, variance = (
        np.asarray(weights[f"{batch_norm}.{part}"], np.float64)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    factor = scale / np.sqrt(variance + BATCH_NORM_EPSILON)
    folded_kernel = kernel.transpose(0, 2, 3, 1) * factor[:, None, None, None]
    return _float32(folded_kernel), _float32(shift - mean * factor)


def _float32(values: NDArray[Any]) -> Floats:
    return np.ascontiguousarray(values, np.float32)
