import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from autotag.tagging.document_tags import tags_for_copies
from autotag.tagging.document_tags.tags_for_copies import DocumentTags, keywords_of_copy, tags_of_documents
from tests.conftest import counted_statements
from tests.unit.conftest import Factory
from tests.unit.tagging.conftest import Library


@pytest.fixture
def library(sessions: sessionmaker[Session], make: Factory) -> Library:
    return Library(sessions, make, make.instance("acme"))


def test_the_files_keywords_stay_and_tags_are_added() -> None:
    tags = DocumentTags(("cat", "dog"))
    assert keywords_of_copy(["bird", "Cat"], tags) == ["bird", "Cat", "dog"]
    assert keywords_of_copy([], tags) == ["cat", "dog"]
    assert keywords_of_copy(["bird"], DocumentTags()) == ["bird"]


def test_a_keyword_keeps_the_characters_that_a_tag_cannot_have() -> None:
    assert keywords_of_copy(["red, white", "it's"], DocumentTags(("red white", "its"))) == [
        "red, white",
        "it's",
    ]


def test_what_a_person_took_off_is_not_in_the_copy() -> None:
    tags = DocumentTags(("dog",), frozenset({"cat", "red white"}))
    assert keywords_of_copy(["CAT", "red, white", "bird"], tags) == ["bird", "dog"]


def test_a_keyword_that_stands_twice_is_written_once() -> None:
    assert keywords_of_copy(["cat", "bird", "Cat"], DocumentTags(("CAT",))) == ["cat", "bird"]


def test_tags_and_removals_are_read_for_many_documents_in_few_queries(
    library: Library, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tags_for_copies, "CHUNK", 2)
    documents = [library.document() for _ in range(3)]
    library.add(documents[0], "cat", "Bird")
    library.add(documents[2], "dog", "cat")
    library.remove(documents[2], "cat")
    ids = [document.id for document in documents]
    with library.sessions() as session, counted_statements(engine) as statements:
        found = tags_of_documents(session, library.instance.id, ids)
    assert len(statements) == 4
    assert found == {
        ids[0]: DocumentTags(("Bird", "cat")),
        ids[1]: DocumentTags(),
        ids[2]: DocumentTags(("dog",), frozenset({"cat"})),
    }
    with library.sessions() as session:
        assert tags_of_documents(session, library.instance.id + 1, ids) == dict.fromkeys(ids, DocumentTags())
