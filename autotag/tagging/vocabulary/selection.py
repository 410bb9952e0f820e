"""Decides which words a picture gets: applied, implied by those, or suggested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from autotag.tagging.vocabulary.words import Treatment, Vocabulary, Word

CLEARLY_SURER = 2.0
"""A broader word is suggested beside a narrower one when it is at least this many times as probable."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The words of a picture with their probabilities, surest first.

    `implied` are the words above the applied ones: they find the picture, and are not written.
    """

    applied: dict[str, float]
    implied: dict[str, float]
    suggested: dict[str, float]


def select(
    scores: Mapping[str, float], vocabulary: Vocabulary, threshold: float, suggestion_threshold: float
) -> Selection:
    """Choose from the calibrated probabilities of words.

    A word is applied when it reaches `threshold` (and its own, where it has one) and no narrower one does. What
    reaches `suggestion_threshold` and is neither applied nor implied is suggested; 1 switches suggestions off.
    Words that the vocabulary does not know are left out.
    """
    ordered = sorted(
        (word for word in scores if word in vocabulary.words), key=lambda word: (-scores[word], word)
    )
    reached = [word for word in ordered if _is_applied(vocabulary.words[word], scores[word], threshold)]
    applied = vocabulary.most_specific(reached)
    implied = {above for word in applied for above in vocabulary.above[word] if _is_shown(above, vocabulary)}
    suggested = [
        word
        for word in ordered
        if suggestion_threshold <= scores[word]
        and suggestion_threshold < 1
        and word not in implied
        and word not in applied
        and _is_shown(word, vocabulary)
    ]
    return Selection(
        {word: scores[word] for word in applied},
        {word: scores.get(word, 1.0) for word in ordered if word in implied}
        | {word: max(scores[one] for one in applied) for word in sorted(implied - scores.keys())},
        {word: scores[word] for word in _worth_suggesting(suggested, scores, vocabulary)},
    )


def _worth_suggesting(words: list[str], scores: Mapping[str, float], vocabulary: Vocabulary) -> list[str]:
    """Return those of `words` that no narrower one of them says as well."""
    chosen = set(words)
    return [
        word
        for word in words
        if scores[word]
        >= CLEARLY_SURER * max((scores[below] for below in vocabulary.below[word] & chosen), default=0.0)
    ]


def _is_applied(word: Word, score: float, threshold: float) -> bool:
    least = threshold if word.threshold is None else max(threshold, word.threshold)
    return word.treatment is Treatment.APPLY and score >= least


def _is_shown(word: str, vocabulary: Vocabulary) -> bool:
    return vocabulary.words[word].treatment is not Treatment.HIDDEN
