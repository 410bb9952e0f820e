"""The web process lists models and asks for inference without loading what only inference needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("numpy", "PIL", "ai_edge_litert", "tflite_runtime", "flask", "sqlalchemy", "redis")
CHECK = """
import importlib, sys
importlib.import_module(sys.argv[1])
print(" ".join(name for name in sys.argv[2:] if name in sys.modules))
"""


LIGHT = (
    "models.catalogue",
    "installing.downloading",
    "errors",
    "installing.importing",
    "installing.installation",
    "installing.inventory",
    "models.labels",
    "messages",
    "models.model",
    "installing.packages",
    "process.process",
    "installing.store",
    "installing.trial",
    "installing.unpacking",
)


@pytest.mark.parametrize("module", ["", *(f".{name}" for name in LIGHT)])
def test_importing_the_light_modules_loads_nothing_heavy(module: str) -> None:
    command = [sys.executable, "-c", CHECK, f"autotag.inference{module}", *HEAVY]

    loaded = subprocess.run(command, capture_output=True, text=True, check=True)

    assert loaded.stdout.split() == []
