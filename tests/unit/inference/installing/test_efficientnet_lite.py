"""The network is put together as it was trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from autotag.inference.errors import ModelRejected
from autotag.inference.installing.efficientnet_lite import (
    BATCH_NORM_EPSILON,
    VARIANTS,
    Variant,
    build,
    folded,
)

TINY = Variant(32, (1, 2, 2, 3, 3, 4, 1))


def batch_norm(random: np.random.Generator, prefix: str, channels: int) -> dict[str, NDArray[Any]]:
    return {
        f"{prefix}.weight": random.uniform(0.5, 1.5, channels).astype(np.float32),
        f"{prefix}.bias": random.normal(size=channels).astype(np.float32),
        f"{prefix}.running_mean": random.normal(size=channels).astype(np.float32),
        f"{prefix}.running_var": random.uniform(0.1, 2, channels).astype(np.float32),
    }


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture
def state(random: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Random weights of the right structure, four channels wide."""

    def kernel(*shape: int) -> NDArray[Any]:
        return random.normal(size=shape).astype(np.float32)

    tensors = {"_conv_stem.weight": kernel(4, 3, 3, 3), **batch_norm(random, "_bn0", 4)}
    for number in range(sum(TINY.repeats)):
        prefix = f"_blocks.{number}"
        inner = 4 if number == 0 else 8
        if number:
            tensors[f"{prefix}._expand_conv.weight"] = kernel(inner, 4, 1, 1)
            tensors |= batch_norm(random, f"{prefix}._bn0", inner)
        tensors[f"{prefix}._depthwise_conv.weight"] = kernel(inner, 1, 3, 3)
        tensors[f"{prefix}._project_conv.weight"] = kernel(4, inner, 1, 1)
        tensors |= batch_norm(random, f"{prefix}._bn1", inner) | batch_norm(random, f"{prefix}._bn2", 4)
    tensors |= {"_conv_head.weight": kernel(6, 4, 1, 1), **batch_norm(random, "_bn1", 6)}
    return tensors | {"_fc.weight": kernel(5, 6), "_fc.bias": kernel(5)}


def test_folding_equals_convolution_then_normalisation(random: np.random.Generator) -> None:
    weights = {"conv.weight": random.normal(size=(4, 3, 2, 2)), **batch_norm(random, "norm", 4)}
    patch = random.normal(size=(3, 2, 2))

    kernel, bias = folded(weights, "conv", "norm")

    plain = np.einsum("ocyx,cyx->o", weights["conv.weight"], patch)
    deviation = np.sqrt(weights["norm.running_var"] + BATCH_NORM_EPSILON)
    expected = (plain - weights["norm.running_mean"]) / deviation * weights["norm.weight"] + weights[
        "norm.bias"
    ]
    assert kernel.shape == (4, 2, 2, 3)
    assert kernel.dtype == bias.dtype == np.float32
    np.testing.assert_allclose(np.einsum("oyxc,cyx->o", kernel, patch) + bias, expected, rtol=1e-5)


def test_weights_of_the_right_structure_become_a_model(state: dict[str, NDArray[Any]]) -> None:
    assert build(state, TINY, "tiny")[4:8] == b"TFL3"


def test_a_missing_tensor_is_named(state: dict[str, NDArray[Any]]) -> None:
    del state["_blocks.3._bn2.running_var"]

    with pytest.raises(ModelRejected, match=r"_blocks\.3\._bn2\.running_var") as refusal:
        build(state, TINY, "tiny")
    assert refusal.value.code == "weights_refused"


def test_weights_of_a_deeper_network_are_refused(state: dict[str, NDArray[Any]]) -> None:
    shallow = Variant(32, (1, 1, 1, 1, 1, 1, 1))

    with pytest.raises(ModelRejected, match="more than the expected 7 blocks"):
        build(state, shallow, "tiny")


def test_the_known_variants_have_the_published_inputs_and_depths() -> None:
    depths = {name: (variant.input_size, sum(variant.repeats)) for name, variant in VARIANTS.items()}

    assert depths == {"lite0": (224, 16), "lite1": (240, 21), "lite2": (260, 21)}
