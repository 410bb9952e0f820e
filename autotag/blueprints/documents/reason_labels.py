"""Why documents stand where they stand in tagging: a few words for each code of a reason."""

from autotag.blueprints.presentation import provider_label
from autotag.tagging.provider_health.circuit_breaker import WAITING
from autotag.tagging.provider_health.process_breaker import PROCESS_DISABLED

REASONS = {
    "not_an_image": "Not an image, though named like one",
    "unsupported_format": "An image format that is not taken",
    "truncated_image": "The file ends too early",
    "unreadable_image": "The image cannot be read",
    "too_many_pixels": "Too many pixels",
    "too_slow": "The image takes too long to decode",
    "bad_image": "A service could not read the image",
    "file_missing": "The stored file is missing",
    "process_died": "The image stopped the process",
    "worker_died": "The worker died",
    "worker_overdue": "The worker ran out of time",
    "storage": "A file could not be read or stored",
    "provider_error": "A provider stopped with an error of its own",
    "internal_error": "Autotag stopped with an error",
    "database": "The database was busy or away",
    "process_not_started": "The process could not be started",
    "tagged_by_person": "A person gave it tags",
    "has_tags": "It had tags already",
    "already_there": "Nothing was to be added",
    "switched_off": "Automatic tagging was off",
    "type_not_taken": "Its type is not tagged",
    "no_tags": "No label was certain enough",
    "untagged": "A person took the automatic tags off",
    "run_undone": "Its run was undone",
    PROCESS_DISABLED: "The TensorFlow process is disabled",
}


def reason_word(code: str) -> str:
    """Say what the code of a reason means; one that is not known here is spelt out."""
    if code.startswith(WAITING):
        return f"Waiting for {provider_label(code.removeprefix(WAITING))}"
    return REASONS.get(code) or code.replace("_", " ").capitalize() or "No reason was noted"
