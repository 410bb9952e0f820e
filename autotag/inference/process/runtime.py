"""The one door to the TFLite interpreter: LiteRT where it is installed, else the older `tflite_runtime`."""

from __future__ import annotations

import importlib.metadata
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from autotag.inference.errors import ModelCode, ModelRejected

# Module to import, and the distribution that it comes from. The first that imports is used.
RUNTIMES = (
    ("ai_edge_litert.interpreter", "ai-edge-litert"),
    ("tflite_runtime.interpreter", "tflite-runtime"),
)


class Interpreter(Protocol):
    """The part of the interpreter's interface that this room uses; both runtimes have it."""

    def allocate_tensors(self) -> None:
        """Makes room for all tensors; once, before anything else."""

    def get_input_details(self) -> list[dict[str, Any]]:
        """For each input: `index`, `shape`, `dtype`, and `quantization` as (scale, zero point)."""

    def get_output_details(self) -> list[dict[str, Any]]:
        """For each output what `get_input_details` tells of inputs."""

    def set_tensor(self, tensor_index: int, value: Any) -> None:
        """Copies an array of the tensor's shape and type into it."""

    def get_tensor(self, tensor_index: int) -> Any:
        """A copy of the tensor as an array."""

    def invoke(self) -> None:
        """Runs the model on what the inputs hold."""


@cache
def _runtime() -> tuple[ModuleType, str]:
    """The interpreter's module and its distribution. Raises `ModelRejected` when none is installed."""
    for module_name, distribution in RUNTIMES:
        try:
            return importlib.import_module(module_name), distribution
        except ImportError:
            continue
    names = " or ".join(distribution for _, distribution in RUNTIMES)
    raise ModelRejected(ModelCode.RUNTIME_MISSING, f"No TFLite runtime is installed; install {names}.")


def build_interpreter(model_path: Path, threads: int) -> Interpreter:
    """An interpreter for the .tflite file at `model_path`, its tensors allocated, using `threads` threads.

    It is not safe for two threads to invoke it at once. Raises `ModelRejected` when no runtime is installed,
    or when the runtime does not accept the file.
    """
    module, _ = _runtime()
    try:
        interpreter: Interpreter = module.Interpreter(model_path=str(model_path), num_threads=threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()
        detail = f": {reason[0]}" if reason else ""
        raise ModelRejected(
            ModelCode.MODEL_UNUSABLE, f"The TFLite runtime does not accept {model_path.name}{detail}."
        ) from error
    return interpreter


@cache
def runtime_version() -> str:
    """Name and version of the runtime in use, such as "ai-edge-litert 2.3.0".

    Raises `ModelRejected` when there is none.
    """
    _, distribution = _runtime()
    return f"{distribution} {importlib.metadata.version(distribution)}"
