"""From predictions to tags: pure functions, so that a threshold can be tried or applied again without inference."""

import math
import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from autotag.models.names import fold, normalize

NAME_LENGTH = 75
FORBIDDEN_CHARACTERS = frozenset("&'@\\]}:,=>/<[{%|+#`?\";*~")
NAMES_KEPT = 4096
"""Names kept with what they become: a model has a thousand labels, and says them again and again."""
_APOSTROPHES = str.maketrans("", "", "'\u2018\u2019\u02bc")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One prediction of one provider. Confidence and the provider's threshold are 0 to 1."""

    name: str
    confidence: float
    provider: str
    model: str
    threshold: float


class Verdict(StrEnum):
    """What became of a candidate, and why."""

    ACCEPTED = "accepted"
    BELOW_THRESHOLD = "below_threshold"
    UNUSABLE_NAME = "unusable_name"
    ALREADY_THERE = "already_there"
    REMOVED_BY_PERSON = "removed_by_person"
    DUPLICATE = "duplicate"
    OVER_MAXIMUM = "over_maximum"


@dataclass(frozen=True, slots=True)
class Decision:
    """A candidate, the name it would have as a tag, and the verdict on it."""

    candidate: Candidate
    name: str
    verdict: Verdict


@lru_cache(NAMES_KEPT)
def normalize_name(name: str) -> str:
    """Return the name a provider's label has as a tag; "" when nothing usable is left.

    Unicode NFC, apostrophes dropped, other forbidden and control characters become spaces, spaces collapse,
    at most 75 characters. Case is kept.
    """
    text = normalize(name).translate(_APOSTROPHES)
    text = "".join(
        " "
        if character in FORBIDDEN_CHARACTERS
        or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else character
        for character in text
    )
    # NFC again: where an apostrophe was dropped, a letter may have met an accent.
    text = normalize(re.sub(r"\s+", " ", text).strip())
    return text[:NAME_LENGTH].strip()


def decide(
    candidates: Iterable[Candidate],
    *,
    maximum: int,
    existing: Collection[str] = (),
    rejected: Collection[str] = (),
    automatic: int = 0,
) -> list[Decision]:
    """Judge every candidate, highest confidence first, whichever provider gave it.

    `maximum` is the most automatic tags of a document, 0 for no limit, of which it has `automatic` already.
    `existing` and `rejected` are folded names: those on the document, and those that a person took off it.
    The outcome does not depend on the order in which providers answered: equal confidences are ordered by name,
    then by provider.
    """
    named = ((candidate, normalize_name(candidate.name)) for candidate in candidates)
    ranked = sorted(
        ((candidate, name, fold(name)) for candidate, name in named),
        key=lambda one: (-one[0].confidence, one[2], *_rest_of_order(one[0])),
    )
    accepted: set[str] = set()
    decisions = []
    for candidate, name, folded in ranked:
        verdict = _judge(candidate, folded, accepted, existing, rejected)
        if verdict is Verdict.ACCEPTED and maximum and automatic + len(accepted) >= maximum:
            verdict = Verdict.OVER_MAXIMUM
        if verdict is Verdict.ACCEPTED:
            accepted.add(folded)
        decisions.append(Decision(candidate, name, verdict))
    return decisions


def _rest_of_order(candidate: Candidate) -> tuple[str, str, str, float]:
    """Return by what candidates are ordered whose confidence and tag are the same."""
    return candidate.provider, candidate.model, candidate.name, candidate.threshold


def _judge(
    candidate: Candidate,
    folded: str,
    accepted: set[str],
    existing: Collection[str],
    rejected: Collection[str],
) -> Verdict:
    if candidate.confidence < candidate.threshold:
        return Verdict.BELOW_THRESHOLD
    if not folded:
        return Verdict.UNUSABLE_NAME
    if folded in accepted:
        return Verdict.DUPLICATE
    if folded in existing:
        return Verdict.ALREADY_THERE
    if folded in rejected:
        return Verdict.REMOVED_BY_PERSON
    return Verdict.ACCEPTED


def explain_no_tags(decisions: list[Decision]) -> str:
    """Say in one sentence why no tag was accepted, from the decisions in their order."""
    if not decisions:
        return "No provider recognised anything in this image."
    best = decisions[0]
    label = best.name or best.candidate.name
    match best.verdict:
        case Verdict.BELOW_THRESHOLD:
            return (
                f"The best prediction is {label} with {_rounded_down(best.candidate.confidence)}; "
                f"the confidence threshold is {_at_least_two_decimals(best.candidate.threshold)}."
            )
        case Verdict.REMOVED_BY_PERSON:
            return f"The best prediction is {label}, which a person removed from this document."
        case Verdict.ALREADY_THERE:
            return f"The best prediction is {label}, which this document has already."
        case _:
            return f"The best prediction is {label}, which cannot be used as a tag."


def _rounded_down(confidence: float) -> str:
    """Say a confidence with two decimals, never as more than it is: what missed a threshold must not read like it."""
    return f"{math.floor(confidence * 100) / 100:.2f}"


def _at_least_two_decimals(threshold: float) -> str:
    return f"{threshold:.2f}" if round(threshold, 2) == threshold else f"{threshold:g}"
