"""Keywords in files become tags: written with the outcome of the attempt that first looked at the image."""

from collections.abc import Iterable, Sequence

from sqlalchemy.orm import Session

from autotag.media.library import search
from autotag.models import AssignmentSource, TagAssignment
from autotag.models.base import utc_now
from autotag.models.insertion import insert_new
from autotag.models.names import fold
from autotag.tagging.pipeline.claims import Claim, rejected_names
from autotag.tagging.pipeline.outcome import Outcome
from autotag.tagging.policy import Verdict, normalize_name
from autotag.tagging.tags.create_and_lock import ensure_tags

MOST_OF_A_FILE = 100
"""Keywords of one file that become tags, the first ones; some programs write whole catalogues into files."""


def names_of_keywords(keywords: Iterable[str]) -> list[str]:
    """Return the names that keywords have as tags, each once, repaired as a provider's labels are."""
    names = {fold(name): name for name in map(normalize_name, keywords) if name}
    return list(names.values())[:MOST_OF_A_FILE]


def keep_keywords(session: Session, written: Sequence[tuple[Claim, Outcome]]) -> None:
    """Put the keywords that were read onto their documents of one instance, unless a person took them off before.

    A tag that is there stays as it is.
    """
    found = {
        claim.document_id: names_of_keywords(outcome.facts.keywords)
        for claim, outcome in written
        if outcome.facts is not None and outcome.facts.keywords
    }
    if not any(found.values()):
        return
    instance_id = written[0][0].instance_id
    removed = rejected_names(session, list(found))
    # Those of providers as well: whoever creates tags does it once, in one order.
    spelled = _accepted_without_run(written)
    spelled |= {fold(name): name for of_document in found.values() for name in of_document}
    tag_ids = ensure_tags(session, instance_id, spelled.values())
    now = utc_now()
    rows: list[dict[str, object]] = [
        {
            "instance_id": instance_id,
            "document_id": document_id,
            "tag_id": tag_ids[fold(name)],
            "source": AssignmentSource.FILE,
            "created_at": now,
        }
        for document_id, of_document in found.items()
        for name in of_document
        if fold(name) not in removed.get(document_id, ())
    ]
    insert_new(session, TagAssignment.__table__, rows)
    search.refresh(session, list(found))


def _accepted_without_run(written: Sequence[tuple[Claim, Outcome]]) -> dict[str, str]:
    return {
        fold(decision.name): decision.name
        for claim, outcome in written
        if claim.run_id is None and outcome.counted
        for decision in outcome.decisions
        if decision.verdict is Verdict.ACCEPTED
    }
