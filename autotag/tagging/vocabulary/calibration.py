"""Turns a model's probabilities into ones that mean what they say: of tags with 0.9, nine of ten are right.

The numbers are fitted by `bench/calibrate_tags.py` and stored for each model file, by its SHA-256.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

CALIBRATION_FILE = "calibration.json"
EDGE = 1e-4
"""Probabilities are kept this far from 0 and 1, whose logits are infinite."""


@dataclass(frozen=True, slots=True)
class Line:
    """A correction of a probability: its logit becomes `offset` + `slope` x logit (Platt scaling)."""

    offset: float = 0.0
    slope: float = 1.0

    def correct(self, probability: float) -> float:
        """Return the corrected probability, 0 to 1. It grows with the given one as long as the slope is positive."""
        kept = min(max(probability, EDGE), 1 - EDGE)
        return 1 / (1 + math.exp(-(self.offset + self.slope * math.log(kept / (1 - kept)))))


@dataclass(frozen=True, slots=True)
class Calibration:
    """The correction of one model.

    `temperature` divides the logits of the classes (Guo et al. 2017, On Calibration of Modern Neural Networks).
    `of_class` corrects the words that one class leads to, `of_kind` the sums of several: a model is more often right
    about the kind than about which one it is.
    """

    temperature: float = 1.0
    of_class: Line = Line()
    of_kind: Line = Line()

    def sharpen(self, probabilities: Sequence[float]) -> list[float]:
        """Return softmax(log(probabilities) / temperature). Logits are log probabilities up to a constant."""
        if self.temperature == 1:
            return list(probabilities)
        powers = [probability ** (1 / self.temperature) for probability in probabilities]
        total = sum(powers) or 1.0
        return [power / total for power in powers]


NEUTRAL = Calibration()
"""Changes nothing. For models that nobody has calibrated."""


def calibration_of(model_sha256: str) -> Calibration:
    """Return the calibration stored for a model file, or the neutral one."""
    return _stored().get(model_sha256, NEUTRAL)


def face_line() -> Line:
    """Return the correction of the face detector's scores."""
    return Line(*_content()["faces"])


@cache
def _stored() -> dict[str, Calibration]:
    return {
        entry["sha256"]: Calibration(entry["temperature"], Line(*entry["of_class"]), Line(*entry["of_kind"]))
        for entry in _content()["models"]
    }


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((files(__package__) / CALIBRATION_FILE).read_text(encoding="utf-8"))
    return content
