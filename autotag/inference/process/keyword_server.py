"""The child's side of the pipe where only keywords are read and written: it decodes nothing and starts at once.

A request is `{"path": ..., "target": ..., "keywords": [...]}`; without a target it asks for the keywords. The answer
is `{"keywords": [...]}`, `{"written": true}`, or `{"error": "a sentence"}`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from autotag.inference.errors import KeywordsUnwritable
from autotag.inference.keywords import read_keywords, write_keywords
from autotag.inference.messages import READY, encode


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request."""
    if request["target"] is None:
        return {"keywords": read_keywords(Path(request["path"]))}
    try:
        write_keywords(Path(request["path"]), Path(request["target"]), request["keywords"])
    except KeywordsUnwritable as error:
        return {"error": error.message}
    return {"written": True}


def serve_keywords(lines: Iterable[bytes], protocol: int) -> None:
    """Says that it is ready, then answers each line on the descriptor `protocol`, until `lines` end."""
    with os.fdopen(protocol, "wb", buffering=0) as answers:
        answers.write(encode(READY))
        for line in lines:
            answers.write(encode(answer(json.loads(line))))
