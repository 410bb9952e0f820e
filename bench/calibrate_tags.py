"""Fits the calibration of a model's words, and writes it into the vocabulary.

On the pictures of `calibration_pictures.py`, which `tags.py` never measures. The temperature and the corrections are
those with the least logarithmic loss over all pairs of a picture and a word with at least 5 % probability.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from calibration_pictures import wanted
from numpy.typing import NDArray
from tag_evidence import classifier, look, look_for_faces

import autotag.tagging.vocabulary as vocabulary_package
from autotag.tagging.vocabulary.builtin import builtin_vocabulary
from autotag.tagging.vocabulary.calibration import CALIBRATION_FILE, EDGE
from autotag.tagging.vocabulary.scoring import ANIMAL
from autotag.tagging.vocabulary.words import Treatment, Vocabulary

TARGET = Path(vocabulary_package.__file__).with_name(CALIBRATION_FILE)
TEMPERATURES = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1)
LEAST = 0.05
PENALTY = 0.1
"""Ridge on the slope, so that few examples give no steep line."""

Floats = NDArray[np.float64]


def truth_of(words: list[list[str]], vocabulary: Vocabulary) -> NDArray[np.bool_]:
    """Return for each picture and each word of the vocabulary whether it is true; broader words are true as well."""
    order = list(vocabulary.words)
    rows = [set(some).union(*(vocabulary.above[word] for word in some)) for some in words]
    return np.array([[word in row for word in order] for row in rows])


def sums_of(probabilities: NDArray[np.float32], vocabulary: Vocabulary, temperature: float) -> Floats:
    """Return the probability of each word before its correction: [pictures, words]."""
    order = {word: number for number, word in enumerate(vocabulary.words)}
    below = np.zeros((probabilities.shape[1], len(order)))
    for key in range(probabilities.shape[1]):
        below[key, [order[word] for word in vocabulary.class_words[str(key)]]] = 1
    powers = probabilities.astype(float) ** (1 / temperature)
    sums: Floats = powers / powers.sum(axis=1, keepdims=True) @ below
    return sums


def logits(values: Floats) -> Floats:
    kept = np.clip(values, EDGE, 1 - EDGE)
    return np.log(kept / (1 - kept))


def fit_line(values: Floats, truth: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return offset and slope of a logistic regression by Newton's method, and its logarithmic losses."""
    inputs = np.stack([np.ones_like(values), logits(values)], axis=1)
    ridge = np.diag([0.0, PENALTY])
    line = np.array([0.0, 1.0])
    for _ in range(50):
        found = 1 / (1 + np.exp(-inputs @ line))
        slope = inputs.T @ (truth - found) - ridge @ line
        curve = (inputs * (found * (1 - found))[:, None]).T @ inputs + ridge + 1e-9 * np.eye(2)
        line = line + np.linalg.solve(curve, slope)
    found = np.clip(1 / (1 + np.exp(-inputs @ line)), 1e-9, 1 - 1e-9)
    return line, -np.log(np.where(truth, found, 1 - found))


def fit(probabilities: NDArray[np.float32], words: list[list[str]], vocabulary: Vocabulary) -> dict[str, Any]:
    """Return the calibration with the least loss. Only words that may be applied count."""
    truth = truth_of(words, vocabulary)
    applied = np.array([word.treatment is Treatment.APPLY for word in vocabulary.words.values()])
    kinds = np.array([word in vocabulary.kinds for word in vocabulary.words])
    # The same pairs for each temperature, or their losses could not be compared.
    pairs = (sums_of(probabilities, vocabulary, 1.0) >= LEAST) & applied
    best: dict[str, Any] = {}
    for temperature in TEMPERATURES:
        sums = sums_of(probabilities, vocabulary, temperature)
        of_class, class_losses = fit_line(sums[pairs & ~kinds], truth[pairs & ~kinds])
        of_kind, kind_losses = fit_line(sums[pairs & kinds], truth[pairs & kinds])
        loss = float(np.concatenate([class_losses, kind_losses]).mean())
        print(f"temperature {temperature}: loss {loss:.4f}")
        if not best or loss < best["loss"]:
            best = {
                "temperature": temperature,
                "of_class": np.round(of_class, 3).tolist(),
                "of_kind": np.round(of_kind, 3).tolist(),
                "loss": loss,
            }
    best.pop("loss")
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, help="the folder that calibration_pictures.py has filled")
    parser.add_argument("--models", nargs="+", default=["efficientnet-lite0"])
    options = parser.parse_args()
    known = wanted()
    paths = [path for path in sorted(options.pictures.iterdir()) if path.name in known]
    words = [known[path.name] for path in paths]
    vocabulary = builtin_vocabulary()
    entries = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.models:
            model = classifier(name, Path(folder))
            seen, _ = look(model, paths, ["centre"])
            fitted = fit(seen["centre"], words, vocabulary)
            entries.append({"name": name, "sha256": model.description.sha256, **fitted})
    detections, _ = look_for_faces(paths)
    scores = np.array([found["face"] for found in detections])
    persons = np.array([any(word in PERSON for word in some) for some in words])
    # Animals have faces; the product sees to those by itself (`scoring.with_detections`).
    animals = sums_of(seen["centre"], vocabulary, 1.0)[:, list(vocabulary.words).index(ANIMAL)]
    fitting = (scores > 0) & (animals < 0.5)
    line, _ = fit_line(scores[fitting], persons[fitting])
    content = {"models": entries, "faces": np.round(line, 3).tolist()}
    TARGET.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"{len(paths)} pictures: {json.dumps(content)}")


PERSON = {"person", "people", "portrait", *builtin_vocabulary().below["person"]}

if __name__ == "__main__":
    main()
