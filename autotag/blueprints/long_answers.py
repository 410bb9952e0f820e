"""Views whose answers hold a thread for long: large files, archives, and what waits for somebody else's service.

The web server hands each request an object that knows how many such answers there are. Under another server there is
none, and then nothing is limited here.
"""

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, Protocol, TypeVar

from flask import request
from flask.typing import ResponseReturnValue

ANSWER = "autotag.answer"
"""The key of the object in the environment of a request."""

SHORT_BYTES = 1024 * 1024
"""A file up to this size needs no place when it begins."""

BUSY = "The server is sending as many files as it can. Try again in a moment."

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])


class Answer(Protocol):
    """What the web server says of an answer."""

    tenant: Hashable

    def take_place(self) -> bool:
        """Take a place among the long answers; False when there is none."""


class TooManyLongAnswers(Exception):
    """All places for long answers are taken, or the share of this virtual instance."""


def name_tenant(instance_id: int) -> None:
    """Say whose share the answer to this request uses."""
    answer: Answer | None = request.environ.get(ANSWER)
    if answer is not None:
        answer.tenant = instance_id


def take_place() -> None:
    """Take a place for the answer to this request, which the server gives back. Raises TooManyLongAnswers."""
    answer: Answer | None = request.environ.get(ANSWER)
    if answer is not None and not answer.take_place():
        raise TooManyLongAnswers


def holds_thread(view: View) -> View:
    """Begin the view only when there is a place for its answer."""

    @wraps(view)
    def placed(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        take_place()
        return view(*args, **kwargs)

    return placed  # type: ignore[return-value]  # it has the type of the view, which mypy cannot tell
