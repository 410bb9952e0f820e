"""What a person took off a document, sealed, so that the browser can give it back unchanged."""

from dataclasses import astuple

from flask import current_app, g, session
from itsdangerous import BadData, URLSafeTimedSerializer

from autotag.models import AssignmentSource
from autotag.tagging.document_tags.remove_with_undo import RemovedTag

REMOVED = "removed_tags"
LIFETIME_SECONDS = 24 * 60 * 60
LONGEST_SEAL = 2000
"""A cookie holds about 4,000 characters, and this is not all that is in it."""


def seal(document_id: int, removed: list[RemovedTag]) -> str:
    """Write what was taken off a document as a text that nobody else can make."""
    rows = [astuple(one) for one in removed]
    return str(_serializer().dumps([g.instance.id, document_id, rows]))


def unseal(document_id: int, sealed: str) -> list[RemovedTag]:
    """Read what `seal` wrote for this document; nothing when it is another's, too old, or not ours."""
    try:
        instance_id, sealed_id, rows = _serializer().loads(sealed, max_age=LIFETIME_SECONDS)
    except BadData:
        return []
    if (instance_id, sealed_id) != (g.instance.id, document_id):
        return []
    return [RemovedTag(name, AssignmentSource(source), *rest) for name, source, *rest in rows]


def keep_for_next_page(document_id: int, removed: list[RemovedTag]) -> None:
    """Let the next page of this document offer to undo a removal."""
    sealed = seal(document_id, removed)
    if len(sealed) <= LONGEST_SEAL:
        session[REMOVED] = sealed


def take_from_last_page(document_id: int) -> tuple[str, list[RemovedTag]]:
    """Return the seal that the last page left for this document, and what is in it, once."""
    sealed = str(session.pop(REMOVED, "")) if REMOVED in session else ""
    return sealed, unseal(document_id, sealed)


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="removed-tags")
