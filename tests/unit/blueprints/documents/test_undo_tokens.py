"""What was taken off travels sealed: nobody else can make it, and it is good for one document."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from flask import Flask, g, session

from autotag.blueprints.documents.undo_tokens import (
    LONGEST_SEAL,
    keep_for_next_page,
    seal,
    take_from_last_page,
    unseal,
)
from autotag.models import AssignmentSource
from autotag.tagging.document_tags.remove_with_undo import RemovedTag

TABBY = RemovedTag("tabby", AssignmentSource.AUTO, "tensorflow", "toy", 0.85, 3, 4, None)
PET = RemovedTag("pet", AssignmentSource.MANUAL, created_by_id=9)


@pytest.fixture
def instance(app: Flask) -> Iterator[SimpleNamespace]:
    with app.test_request_context("/"):
        g.instance = SimpleNamespace(id=1)
        yield g.instance


def test_what_was_sealed_comes_back_as_it_was(instance: SimpleNamespace) -> None:
    assert unseal(5, seal(5, [TABBY, PET])) == [TABBY, PET]


def test_a_seal_is_good_for_its_document_and_instance_only(instance: SimpleNamespace) -> None:
    sealed = seal(5, [TABBY])
    assert unseal(6, sealed) == []
    instance.id = 2
    assert unseal(5, sealed) == []


@pytest.mark.parametrize("forged", ["", "made up", "WzEsNSxbXV0.aaaa.bbbb", "\u00e9"])
def test_what_we_did_not_seal_is_nothing(instance: SimpleNamespace, forged: str) -> None:
    assert unseal(5, forged) == []


def test_a_seal_with_one_letter_changed_is_nothing(instance: SimpleNamespace) -> None:
    sealed = seal(5, [PET])
    assert unseal(5, ("A" if sealed[0] != "A" else "B") + sealed[1:]) == []


def test_the_next_page_gets_it_once(instance: SimpleNamespace) -> None:
    keep_for_next_page(5, [PET])
    assert take_from_last_page(5)[1] == [PET]
    assert take_from_last_page(5) == ("", [])


def test_the_page_of_another_document_gets_nothing(instance: SimpleNamespace) -> None:
    keep_for_next_page(5, [PET])
    assert take_from_last_page(6)[1] == []


def test_what_is_too_much_for_a_cookie_is_not_kept(instance: SimpleNamespace) -> None:
    many = [RemovedTag(f"{number}" * 60, AssignmentSource.MANUAL, str(number)) for number in range(300)]
    assert len(seal(5, many)) > LONGEST_SEAL
    keep_for_next_page(5, many)
    assert "removed_tags" not in session
