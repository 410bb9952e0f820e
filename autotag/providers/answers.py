"""Reading what services answer: untrusted JSON in, predictions out."""

from collections.abc import Iterator, Mapping
from typing import Any

from autotag.inference.process.process import Prediction
from autotag.providers.base import ProtocolViolation

MOST_PREDICTIONS = 20
LONGEST_NAME = 255


def read_predictions(labels: object, name: str, score: str, service: str) -> list[Prediction]:
    """Return at most 20 predictions of a list of labels, highest first.

    `name` and `score` are the fields in which a label has its name and its confidence, 0..1; `service` is for
    the message. A label without a usable name or score is left out. Raises ProtocolViolation
    ("answer_unexpected") when `labels` is no list, or has labels of which not one is usable.
    """
    if not isinstance(labels, list):
        raise unexpected(service)
    predictions = [
        Prediction(label[name].strip(), float(label[score]))
        for label in labels
        if isinstance(label, dict) and _is_name(label.get(name)) and _is_score(label.get(score))
    ]
    if labels and not predictions:
        raise unexpected(service)
    predictions.sort(key=lambda prediction: prediction.confidence, reverse=True)
    return predictions[:MOST_PREDICTIONS]


def as_mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object, or an empty one for anything else: errors are read as far as they can be."""
    return value if isinstance(value, dict) else {}


def mappings_of(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield the JSON objects of a list; nothing for anything else."""
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, dict))


def unexpected(service: str) -> ProtocolViolation:
    """Return the error for JSON that is no answer of this service."""
    return ProtocolViolation("answer_unexpected", f"{service} answered something that is no answer of it.")


def _is_name(value: object) -> bool:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= LONGEST_NAME:
        return False
    # JSON can hold half of a surrogate pair and a null, which databases do not store.
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value)


def _is_score(value: object) -> bool:
    # In Python a boolean is a number too. NaN, which Python reads in JSON, is not between 0 and 1.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
