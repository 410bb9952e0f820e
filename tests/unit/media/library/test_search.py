import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from autotag.media.library.search import MOST_WORDS, matching_ids, refresh, words_of
from autotag.models import Document, VirtualInstance
from tests.unit.conftest import Factory


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


def found(session: Session, instance: VirtualInstance, query: str) -> list[int]:
    statement = matching_ids(session, instance.id, query)
    assert statement is not None
    return sorted(session.scalars(statement))


def indexed(session: Session, document: Document) -> int:
    refresh(session, [document.id])
    return document.id


def test_words_are_letters_and_digits_without_accents_and_case() -> None:
    assert words_of("Freight_car-2 (Café).JPG") == ["freight", "car", "2", "cafe", "jpg"]


@pytest.mark.parametrize(
    "query", ["freight", "FREIGHT", "frei", "car freight", "cafe", "café", "jpg", "by sea"]
)
def test_a_document_is_found_by_each_of_its_words(
    session: Session, make: Factory, acme: VirtualInstance, query: str
) -> None:
    document = make.document(acme, title="Café", file_name="freight_car.jpg", description="By the sea.")
    make.tag(document, "locomotive")
    number = indexed(session, document)
    assert found(session, acme, query) == [number]


@pytest.mark.parametrize("query", ["reight", "freight bicycle", "ship"])
def test_all_words_must_be_there_from_their_beginning(
    session: Session, make: Factory, acme: VirtualInstance, query: str
) -> None:
    indexed(session, make.document(acme, title="Freight car"))
    assert found(session, acme, query) == []


def test_one_instance_finds_nothing_of_another(
    session: Session, make: Factory, acme: VirtualInstance
) -> None:
    globex = make.instance("globex")
    ours, others = (make.document(instance, title="Lighthouse") for instance in (acme, globex))
    mine, theirs = indexed(session, ours), indexed(session, others)
    assert found(session, acme, "lighthouse") == [mine]
    assert found(session, globex, "lighthouse") == [theirs]
    assert found(session, acme, f"i{globex.id}") == []


def test_a_document_that_is_gone_is_not_found(session: Session, make: Factory, acme: VirtualInstance) -> None:
    document = make.document(acme, title="Lighthouse")
    number = indexed(session, document)
    session.delete(session.merge(document))
    session.flush()
    refresh(session, [number])
    assert found(session, acme, "lighthouse") == []


@pytest.mark.parametrize("query", ["", " ", "_-()", "\u0301"])
def test_a_query_without_words_limits_nothing(session: Session, acme: VirtualInstance, query: str) -> None:
    assert matching_ids(session, acme.id, query) is None


def test_a_very_long_query_counts_up_to_a_limit(
    session: Session, make: Factory, acme: VirtualInstance
) -> None:
    number = indexed(session, make.document(acme, title="a " * MOST_WORDS))
    assert found(session, acme, "a " * MOST_WORDS + "missing " * 1000) == [number]


@given(query=st.text(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_typed_is_a_search_and_no_fault(
    session: Session, acme: VirtualInstance, query: str
) -> None:
    statement = matching_ids(session, acme.id, query)
    assert statement is None or list(session.scalars(statement)) == []
