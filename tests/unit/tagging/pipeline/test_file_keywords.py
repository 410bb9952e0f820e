"""Keywords of files as tags, and what the source *file* means wherever somebody looks at sources."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.library.library import load_summary
from autotag.media.library.query import DocumentQuery
from autotag.media.library.search import matching_ids
from autotag.models import AssignmentSource, Document, Tag, TagAssignment, TaggingState
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.document_tags.assign import commit_tags, remove_tags, untag
from autotag.tagging.document_tags.remove_with_undo import put_back, remove_tag
from autotag.tagging.pipeline.examine import _why_not
from autotag.tagging.pipeline.file_keywords import MOST_OF_A_FILE, names_of_keywords
from autotag.tagging.pipeline.outcome import ImageFacts, Outcome
from autotag.tagging.tags.listing import usages_of
from autotag.tagging.tags.merge import merge_part
from tests.unit.conftest import Factory
from tests.unit.tagging.conftest import Library, enable_tensorflow

MANUAL, AUTO, FILE = AssignmentSource.MANUAL, AssignmentSource.AUTO, AssignmentSource.FILE
Tagged = Callable[..., Document]


@pytest.fixture
def library(sessions: sessionmaker[Session], make: Factory) -> Library:
    acme = make.instance("acme")
    enable_tensorflow(sessions, acme.id)
    return Library(sessions, make, acme)


def facts(*keywords: str) -> ImageFacts:
    return ImageFacts(8, 8, "tiny", {}, keywords)


def look(library: Library, document: Document, keywords: Sequence[str], **options: object) -> Outcome:
    """What a worker writes that looks at an image for the first time."""
    (held,) = library.take(document)
    outcome = replace(library.conclude(held, **options), facts=facts(*keywords))  # type: ignore[arg-type]
    assert library.record(held, outcome)
    return outcome


def sources(library: Library, document: Document) -> dict[str, AssignmentSource]:
    with library.sessions() as session:
        summary = load_summary(session, library.instance.id, document.id)
        return {tag.name: tag.source for tag in summary.tags}


@pytest.fixture
def tagged(library: Library) -> Tagged:
    """A document with the file's own `beach` and the provider's `cat`."""

    def tagged(*keywords: str) -> Document:
        document = library.document(TaggingState.QUEUED)
        look(library, document, keywords or ("beach",))
        return document

    return tagged


def test_names_are_repaired_unique_and_bounded() -> None:
    assert names_of_keywords(["red, white", "Cat", "cat", "&", " it's "]) == ["red white", "cat", "its"]
    assert len(names_of_keywords(str(number) for number in range(500))) == MOST_OF_A_FILE


def test_keywords_and_what_the_model_says_are_both_there(library: Library, tagged: Tagged) -> None:
    document = tagged("beach", "CAT")
    assert sources(library, document) == {"beach": FILE, "CAT": FILE}
    other = tagged("beach")
    assert sources(library, other) == {"beach": FILE, "CAT": AUTO}


def test_keywords_are_kept_where_nothing_tags(library: Library) -> None:
    document = library.document(TaggingState.QUEUED)
    (held,) = library.take(document)
    skipped = Outcome(TaggingState.SKIPPED, "switched_off", "It is off.", facts=facts("beach"))
    assert library.record(held, skipped)
    assert sources(library, document) == {"beach": FILE}


def test_an_attempt_that_waits_has_them_and_is_not_skipped_for_them(library: Library) -> None:
    document = library.document(TaggingState.QUEUED)
    look(library, document, ["beach"], wait_until=utc_now() - timedelta(seconds=1))
    (held,) = library.take(document)
    assert (held.existing, held.from_file) == ({"beach"}, 1)
    with library.sessions() as session:
        from autotag.configuration.effective import load_tagging_settings

        settings = load_tagging_settings(session, library.instance.id)
    assert _why_not(held, settings) is None
    by_hand = replace(held, existing=held.existing | {"mine"})
    refused = _why_not(by_hand, settings)
    assert refused is not None
    assert refused.reason_code == "tagged_by_person"
    assert library.record(held, library.conclude(held))
    assert sources(library, document) == {"beach": FILE, "cat": AUTO}


def test_what_a_person_took_off_does_not_come_back(library: Library, tagged: Tagged) -> None:
    document = tagged()
    library.remove(document, "beach")
    library.change(document, lambda _, row: setattr(row, "tagging_state", TaggingState.QUEUED))
    library.change(document, lambda _, row: setattr(row, "tagging_requested", True))
    look(library, document, ["beach"])
    assert sources(library, document) == {"cat": AUTO}


def test_untag_and_commit_pass_them_by(library: Library, tagged: Tagged) -> None:
    document = tagged()
    with library.sessions() as session, unit_of_work(session) as work:
        assert commit_tags(work, library.instance.id, [document.id], user_id=None) == 1
    assert sources(library, document) == {"beach": FILE, "cat": MANUAL}
    other = tagged()
    with library.sessions() as session, unit_of_work(session) as work:
        assert untag(work, library.instance.id, [other.id]) == 1
    assert sources(library, other) == {"beach": FILE}


def test_undoing_a_removal_brings_the_source_back(library: Library, tagged: Tagged) -> None:
    document = tagged()
    with library.sessions() as session, unit_of_work(session) as work:
        removed = remove_tag(work, library.instance.id, document.id, "beach", user_id=None)
        assert removed is not None
        put_back(work, library.instance.id, document.id, [removed])
    assert sources(library, document)["beach"] is FILE


def test_a_person_who_adds_it_makes_it_their_own(library: Library, tagged: Tagged) -> None:
    document = tagged()
    library.add(document, "Beach", "cat")
    assert sources(library, document) == {"beach": MANUAL, "cat": MANUAL}


def test_a_merge_keeps_the_file_before_a_provider_and_a_person_before_both(
    library: Library, tagged: Tagged
) -> None:
    document, other = tagged(), tagged()
    library.add(other, "cat")
    with library.sessions() as session, unit_of_work(session) as work:
        ids = {tag.name: tag.id for tag in work.session.scalars(select(Tag))}
        merge_part(work, library.instance.id, [ids["beach"]], ids["cat"], actor="eva", user_id=None)
    assert sources(library, document) == {"cat": FILE}
    assert sources(library, other) == {"cat": MANUAL}


def test_counts_have_them_with_peoples(library: Library, tagged: Tagged) -> None:
    tagged()
    with library.sessions() as session:
        ids = {tag.name: tag.id for tag in session.scalars(select(Tag))}
        beach, cat = usages_of(session, library.instance.id, [ids["beach"], ids["cat"]])
    assert (beach.manual, beach.total) == (1, 1)
    assert (cat.manual, cat.total) == (0, 1)


def test_the_search_and_the_filter_find_them(library: Library, tagged: Tagged) -> None:
    document = tagged()
    with library.sessions() as session:
        found = matching_ids(session, library.instance.id, "beach")
        assert found is not None
        assert session.scalars(found).all() == [document.id]
        from autotag.media.library.query import select_ids

        query = DocumentQuery(tags=("beach",))
        assert session.scalars(select_ids(session, library.instance.id, query)).all() == [document.id]


def test_removing_many_takes_them_too(library: Library, tagged: Tagged) -> None:
    documents = [tagged(), tagged()]
    with library.sessions() as session, unit_of_work(session) as work:
        remove_tags(work, library.instance.id, [one.id for one in documents], ["beach"], user_id=None)
    with library.sessions() as session:
        kept = session.scalars(select(TagAssignment.source)).all()
        assert kept == [AUTO, AUTO]
