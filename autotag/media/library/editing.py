"""Changing a document's title and description, so that two people who do it at once do not undo each other."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping

from autotag.media.errors import MediaError
from autotag.media.library import search
from autotag.media.library.library import load_document
from autotag.models import Document
from autotag.models.base import utc_now
from autotag.models.names import normalize
from autotag.models.unit_of_work import UnitOfWork

TITLE_LENGTH = 255
DESCRIPTION_LENGTH = 10_000


class TextsRefused(MediaError):
    """A title or a description that cannot be kept: the reason for each field, by its name."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__("texts_refused", " ".join(reasons.values()))
        self.reasons = reasons


class ChangedMeanwhile(MediaError):
    """Somebody else changed title or description since they were read; `document` has what stands there now."""

    def __init__(self, document: Document) -> None:
        super().__init__("changed_meanwhile", "Somebody else changed the title or the description meanwhile.")
        self.document = document


def edition_of(document: Document) -> str:
    """Return what changes with the title or the description and with nothing else, for a form to carry."""
    texts = f"{document.title}\0{document.description}"
    return hashlib.sha256(texts.encode()).hexdigest()[:16]


def edit_texts(
    work: UnitOfWork,
    instance_id: int,
    document_id: int,
    *,
    title: str | None = None,
    description: str | None = None,
    edition: str | None = None,
) -> Document:
    """Set title and description of a document that somebody read in an edition, whichever without one.

    What is not given stays. Raises DocumentNotFound, TextsRefused, and ChangedMeanwhile when it is another edition
    now that says something else; then nothing is changed.
    """
    document = load_document(work.session, instance_id, document_id, for_change=True)
    new_title, new_description = _clean(
        document.title if title is None else title,
        document.description if description is None else description,
    )
    if (document.title, document.description) == (new_title, new_description):
        return document
    if edition is not None and edition != edition_of(document):
        raise ChangedMeanwhile(document)
    document.title, document.description = new_title, new_description
    document.updated_at = utc_now()
    search.refresh(work.session, [document.id])
    return document


def clean_title(title: str) -> str:
    """Return a title as it is stored. Raises TextsRefused."""
    return _clean(title, "")[0]


def _clean(title: str, description: str) -> tuple[str, str]:
    """Return both as they are stored. Raises TextsRefused."""
    title = re.sub(r"\s+", " ", _printable(title)).strip()
    description = _printable(description.replace("\r\n", "\n").replace("\r", "\n")).strip()
    reasons = {}
    if not title:
        reasons["title"] = "Enter a title."
    elif len(title) > TITLE_LENGTH:
        reasons["title"] = f"A title has at most {TITLE_LENGTH} characters; this one has {len(title)}."
    if len(description) > DESCRIPTION_LENGTH:
        reasons["description"] = (
            f"A description has at most {DESCRIPTION_LENGTH:,} characters; this one has {len(description):,}."
        )
    if reasons:
        raise TextsRefused(reasons)
    return title, description


def _printable(text: str) -> str:
    """Return a text in NFC in which control characters, line ends and tabs excepted, are spaces."""
    return "".join(
        " " if unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t" else letter
        for letter in normalize(text)
    )
