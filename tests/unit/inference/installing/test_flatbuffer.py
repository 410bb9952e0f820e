"""A graph written here computes what numpy computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from autotag.inference.installing.flatbuffer import BUFFER_ALIGNMENT, FILE_IDENTIFIER, Graph
from autotag.inference.process.runtime import build_interpreter


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def run(path: Path, content: bytes, image: NDArray[np.float32]) -> list[NDArray[Any]]:
    path.write_bytes(content)
    interpreter = build_interpreter(path, threads=1)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return [interpreter.get_tensor(details["index"]) for details in interpreter.get_output_details()]


def padded(image: NDArray[Any], size: int, stride: int) -> NDArray[Any]:
    """TensorFlow's SAME: what is missing for ceil(n / stride) windows, the larger half after the end."""
    pads = []
    for length in image.shape[1:3]:
        missing = max(0, (-(-length // stride) - 1) * stride + size - length)
        pads.append((missing // 2, missing - missing // 2))
    return np.pad(image, [(0, 0), *pads, (0, 0)])


def windows(image: NDArray[Any], size: int, stride: int) -> NDArray[Any]:
    """[1, height, width, channels, size, size] of the windows that a convolution sees."""
    view = np.lib.stride_tricks.sliding_window_view(padded(image, size, stride), (size, size), axis=(1, 2))
    return view[:, ::stride, ::stride]


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("height", "width"), [(6, 6), (7, 5)])
def test_a_convolution_matches_numpy(
    tmp_path: Path, random: np.random.Generator, stride: int, height: int, width: int
) -> None:
    image = random.normal(size=(1, height, width, 3)).astype(np.float32) * 4
    kernel = random.normal(size=(5, 3, 3, 3)).astype(np.float32)
    bias = random.normal(size=5).astype(np.float32)
    graph = Graph()
    source = graph.input("image", image.shape)
    result = graph.convolution(source, kernel, bias, stride=stride, relu6=True)

    (answer,) = run(tmp_path / "m", graph.serialise([result], "test"), image)

    expected = np.einsum("bhwcyx,oyxc->bhwo", windows(image, 3, stride), kernel) + bias
    assert result.shape == answer.shape == expected.shape
    assert expected.max() > 6  # so that the upper end of ReLU6 is tried as well
    np.testing.assert_allclose(answer, expected.clip(0, 6), atol=1e-4)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_depthwise_convolution_matches_numpy(
    tmp_path: Path, random: np.random.Generator, stride: int
) -> None:
    image = random.normal(size=(1, 7, 6, 4)).astype(np.float32)
    kernel = random.normal(size=(1, 5, 5, 4)).astype(np.float32)
    bias = random.normal(size=4).astype(np.float32)
    graph = Graph()
    source = graph.input("image", image.shape)
    result = graph.depthwise_convolution(source, kernel, bias, stride=stride, relu6=False)

    (answer,) = run(tmp_path / "m", graph.serialise([result], "test"), image)

    expected = np.einsum("bhwcyx,yxc->bhwc", windows(image, 5, stride), kernel[0]) + bias
    np.testing.assert_allclose(answer, expected, atol=1e-4)


def test_a_head_gives_its_outputs_in_the_order_asked(tmp_path: Path, random: np.random.Generator) -> None:
    image = random.normal(size=(1, 4, 4, 3)).astype(np.float32)
    weights = random.normal(size=(6, 3)).astype(np.float32)
    bias = random.normal(size=6).astype(np.float32)
    graph = Graph()
    source = graph.input("image", image.shape)
    doubled = graph.add(source, source)
    pooled = graph.spatial_mean(doubled, "embedding")
    result = graph.softmax(graph.fully_connected(pooled, weights, bias), "probabilities")

    probabilities, embedding, sums = run(
        tmp_path / "m", graph.serialise([result, pooled, doubled], "test"), image
    )

    np.testing.assert_allclose(sums, image * 2, atol=1e-5)
    np.testing.assert_allclose(embedding, (image * 2).mean(axis=(1, 2)), atol=1e-5)
    powers = np.exp(embedding @ weights.T + bias)
    np.testing.assert_allclose(probabilities, powers / powers.sum(), atol=1e-5)


def test_constants_lie_where_kernels_may_read_them(random: np.random.Generator) -> None:
    marker = random.normal(size=(1, 1, 1, 3)).astype(np.float32)
    graph = Graph()
    source = graph.input("image", (1, 2, 2, 3))
    result = graph.convolution(source, marker, np.zeros(1, np.float32), relu6=False)

    content = graph.serialise([result], "test")

    assert content[4:8] == FILE_IDENTIFIER
    assert content.index(marker.tobytes()) % BUFFER_ALIGNMENT == 0
