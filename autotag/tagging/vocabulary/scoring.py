"""From the probabilities of classes to those of words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from autotag.tagging.vocabulary.calibration import NEUTRAL, Calibration, Line
from autotag.tagging.vocabulary.words import Vocabulary

FLOOR = 0.01
"""Words with a smaller sum are left out: nothing shows them."""
ANIMAL = "animal"
"""The word whose pictures fool a face detector: animals have faces."""


def word_scores(
    probabilities: Sequence[float], vocabulary: Vocabulary, calibration: Calibration = NEUTRAL
) -> dict[str, float]:
    """Return the calibrated probability of each word that is not negligible, 0 to 1.

    `probabilities` are those of the model's classes, in order. Classes exclude each other, so a word has the sum of
    those below it; a class that is below it by two ways counts once.
    """
    sums: defaultdict[str, float] = defaultdict(float)
    for number, probability in enumerate(calibration.sharpen(probabilities)):
        for word in vocabulary.class_words.get(str(number), ()):
            sums[word] += probability
    return {
        word: (calibration.of_kind if word in vocabulary.kinds else calibration.of_class).correct(total)
        for word, total in sums.items()
        if total >= FLOOR
    }


def with_detections(
    scores: Mapping[str, float], detections: Mapping[str, float], vocabulary: Vocabulary, line: Line
) -> dict[str, float]:
    """Return `scores` with what a face detector says besides, by the names of its detections.

    A detection is no class: it may be true beside any of them. So a word keeps the higher of both. The surer it is
    that the picture shows an animal, the less a face counts.
    """
    found = dict(scores)
    no_animal = 1 - found.get(ANIMAL, 0.0)
    for name, score in detections.items():
        corrected = line.correct(score) * no_animal if score > 0 else 0.0
        for word in vocabulary.class_words.get(name, ()):
            if corrected >= FLOOR:
                found[word] = max(found.get(word, 0.0), corrected)
    return found
