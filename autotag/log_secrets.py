"""Keep secrets out of the log, and texts of any length out of it, whoever writes the line.

Anybody may send what is logged here, such as a path, so the work for a text grows no faster than its length: a text is
cut before it is searched, and no pattern goes over the same letters again and again.
"""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

HIDDEN = "(hidden)"
CUT = "(cut)"

LONGEST_TEXT = 2_000
LONGEST_TRACEBACK = 16_000
"""The most characters of a text and of a traceback that are logged. A traceback says at its end what happened."""

MOST_ITEMS, DEEPEST = 100, 4
"""The most items of a list or mapping that are logged, and how deep lists and mappings nest."""

TRACEBACKS = frozenset({"exception", "stack"})

_SECRET_KEYS = re.compile(r"(?i)password|passphrase|secret|token|api_?key|authorization|cookie")
# In URLs and headers, as they turn up in the texts of errors. A name ends where the next one begins, so that each
# character is looked at once for its own name only.
_SECRET_TEXTS = (
    re.compile(
        r"(?i)([?&](?=[^=&?\s]*(?:key|token|secret|password|signature|sig|code))[^=&?\s]*=)[^&\s'\"]+",
    ),
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"(://[^:/@\s]*:)[^@/\s]+(?=@)"),
)
# Of a text that was cut, the @ behind the password may be missing.
_PASSWORD_AT_END = re.compile(r"(://[^:/@\s]*:)[^@/\s]+\Z")
# Something of which stands in whatever one of these finds.
_MAY_BE_SECRET = re.compile(r"[?&:]|(?i:bearer|basic)")


def hide_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take out what must stand in no log: values by their names, and what URLs and headers carry in any text."""
    for key, value in event.items():
        if key.startswith("_"):
            # The record itself, which structlog carries along and takes out before the line is written.
            continue
        event[key] = _loggable(key, value, DEEPEST)
    return event


def without_secrets(text: str) -> str:
    """Return a text as it may be logged: at most about 2,000 characters, its secrets hidden."""
    is_cut = len(text) > LONGEST_TEXT
    if is_cut:
        text = text[:LONGEST_TEXT]
    # Most texts are names and identifiers, and every event of every document passes here.
    if _MAY_BE_SECRET.search(text):
        for pattern in _SECRET_TEXTS:
            text = pattern.sub(rf"\1{HIDDEN}", text)
        if is_cut:
            text = _PASSWORD_AT_END.sub(rf"\1{HIDDEN}", text)
    return f"{text} {CUT}" if is_cut else text


def _loggable(key: str, value: object, depth: int) -> object:
    if value is None or isinstance(value, bool | int | float):
        return HIDDEN if value and _SECRET_KEYS.search(key) else value
    if _SECRET_KEYS.search(key):
        return HIDDEN if value else value
    if isinstance(value, str):
        return _traceback(value) if key in TRACEBACKS else without_secrets(value)
    if depth and isinstance(value, Mapping):
        items = list(value.items())[:MOST_ITEMS]
        return {without_secrets(str(name)): _loggable(str(name), one, depth - 1) for name, one in items}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_loggable(key, one, depth - 1) for one in list(value)[:MOST_ITEMS]]
    return without_secrets(str(value))


def _traceback(text: str) -> str:
    """Keep the last lines of a traceback."""
    kept: list[str] = []
    size = 0
    for line in map(without_secrets, reversed(text.split("\n"))):
        size += len(line) + 1
        if kept and size > LONGEST_TRACEBACK:
            kept.append(CUT)
            break
        kept.append(line)
    return "\n".join(reversed(kept))
