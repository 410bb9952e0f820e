import pytest
from sqlalchemy.orm import Session

from autotag.configuration.declaration import Scope
from autotag.configuration.entries import (
    ASSET_AUTO_TAGGING_SYSTEM,
    ASSETS,
    ENTRIES,
    SIGN_IN,
    TENSORFLOW,
    UPLOADS,
    UPLOADS_SYSTEM,
)
from autotag.configuration.overview import (
    UnknownCategory,
    find_category,
    search_entries,
    shown_entries,
    tagging_is_switched_on,
)
from autotag.configuration.secret_box import SecretBox
from autotag.configuration.store import Place, Submission, save
from autotag.models.unit_of_work import unit_of_work


def switch_off(session: Session) -> None:
    texts = {"enabled": "false", "maximum_number_of_tags": "0"}
    with unit_of_work(session) as work:
        save(
            work,
            Place.of(ASSET_AUTO_TAGGING_SYSTEM),
            Submission(texts, "eva"),
            box=SecretBox(["key"]),
            choices={},
        )


def test_everything_is_shown_for_the_installation_and_its_own_scope_for_an_instance(session: Session) -> None:
    assert shown_entries(session, for_instance=False) == list(ENTRIES)
    own = shown_entries(session, for_instance=True)
    assert own == [entry for entry in ENTRIES if entry.scope is Scope.INSTANCE]


def test_while_the_master_switch_is_off_it_stays_alone_in_its_category(session: Session) -> None:
    switch_off(session)
    assert not tagging_is_switched_on(session)
    assert shown_entries(session, for_instance=False) == [
        ASSET_AUTO_TAGGING_SYSTEM,
        UPLOADS_SYSTEM,
        UPLOADS,
        SIGN_IN,
    ]
    assert shown_entries(session, for_instance=True) == [UPLOADS, SIGN_IN]


def test_a_category_is_found_by_its_key() -> None:
    assert find_category("assets") is ASSETS
    with pytest.raises(UnknownCategory):
        find_category("nonsense")


def test_every_word_has_to_be_there() -> None:
    found = search_entries(ENTRIES, "TensorFlow threshold")
    assert [item.entry for item in found] == [TENSORFLOW]
    assert "Confidence Threshold" in [field.label for field in found[0].fields]
    assert search_entries(ENTRIES, "tensorflow pixels") == []
    assert search_entries(ENTRIES, "  ") == []


def test_an_entry_is_found_by_the_name_that_programs_use() -> None:
    assert [item.entry for item in search_entries(ENTRIES, "maximum_pixels")] == [UPLOADS]
