"""Keeping secrets out of the log, whoever writes the line."""

import re
from collections.abc import MutableMapping
from typing import Any

HIDDEN = "(hidden)"

_SECRET_KEYS = re.compile(r"(?i)password|passphrase|secret|token|api_?key|authorization|cookie")
# In URLs and headers, as they turn up in the texts of errors.
_SECRET_TEXTS = (
    re.compile(r"(?i)([?&][^=&\s]*(?:key|token|secret|password|signature|sig|code)[^=&\s]*=)[^&\s'\"]+"),
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"(://[^:/@\s]*:)[^@/\s]+(?=@)"),
)
# Something of which stands in whatever one of these finds.
_MAY_BE_SECRET = re.compile(r"[?&:]|(?i:bearer|basic)")


def hide_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take out what must stand in no log: values by their names, and what URLs and headers carry in any text."""
    for key, value in event.items():
        if _SECRET_KEYS.search(key) and value:
            event[key] = HIDDEN
        elif isinstance(value, str):
            event[key] = _without_secrets(value)
    return event


def _without_secrets(text: str) -> str:
    # Most texts are names and identifiers, and every event of every document passes here.
    if not _MAY_BE_SECRET.search(text):
        return text
    for pattern in _SECRET_TEXTS:
        text = pattern.sub(rf"\1{HIDDEN}", text)
    return text
