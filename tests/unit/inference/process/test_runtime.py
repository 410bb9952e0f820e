"""The interpreter comes from LiteRT, else from tflite-runtime, and refusals are sentences."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotag.inference.errors import ModelRejected
from autotag.inference.process import runtime


@pytest.fixture(autouse=True)
def fresh_choice() -> Iterator[None]:
    """The choice of runtime is remembered for the process; each test makes it anew."""
    runtime._runtime.cache_clear()
    runtime.runtime_version.cache_clear()
    yield
    runtime._runtime.cache_clear()
    runtime.runtime_version.cache_clear()


def test_the_version_names_the_runtime_and_its_number() -> None:
    name, number = runtime.runtime_version().split()

    assert name in {"ai-edge-litert", "tflite-runtime"}
    assert number[0].isdigit()


def test_the_older_runtime_is_used_where_litert_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    package, module = types.ModuleType("tflite_runtime"), types.ModuleType("tflite_runtime.interpreter")
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime", package)
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", module)

    assert runtime._runtime() == (module, "tflite-runtime")


def test_without_any_runtime_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", None)

    with pytest.raises(ModelRejected, match=r"install ai-edge-litert or tflite-runtime\.") as refusal:
        runtime.runtime_version()
    assert refusal.value.code == "runtime_missing"


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"no flatbuffer at all, but long enough to be read as one")

    with pytest.raises(ModelRejected, match=r"does not accept model\.tflite") as refusal:
        runtime.build_interpreter(path, threads=1)
    assert refusal.value.code == "model_unusable"
