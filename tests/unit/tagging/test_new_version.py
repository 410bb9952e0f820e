"""Update Auto Tags decides what a new version of a file means for its tags."""

import pytest

from autotag.configuration.entries import ASSET_AUTO_TAGGING
from autotag.configuration.store import Place
from autotag.models import TaggingState
from autotag.tagging.new_version import tag_new_version
from tests.unit.tagging.conftest import Library, enable_tensorflow, save_entry


def set_update(library: Library, on: bool) -> None:
    texts = {"enabled": "true", "maximum_number_of_tags": "0", "update_auto_tags": str(on).lower()}
    save_entry(library.sessions, Place.of(ASSET_AUTO_TAGGING, library.instance.id), texts)


def test_with_the_setting_on_the_old_automatic_tags_go_and_it_is_tagged_again(library: Library) -> None:
    set_update(library, True)
    document = library.document(TaggingState.QUEUED)
    library.work([("cat", 0.9)])
    library.add(document, "mine")
    library.change(document, tag_new_version)
    assert library.tags(document) == {"mine": "manual"}
    found = library.look(document)
    assert (found.tagging_state, found.tagging_requested) == (TaggingState.QUEUED, True)
    library.work([("dog", 0.9)])
    assert library.tags(document) == {"dog": "auto", "mine": "manual"}


@pytest.mark.parametrize("on", [False, True], ids=["setting off", "nothing would tag it"])
def test_otherwise_it_is_queued_for_its_pictures_and_keeps_its_tags(library: Library, on: bool) -> None:
    set_update(library, on)
    document = library.document(TaggingState.QUEUED)
    library.work([("cat", 0.9)])
    if on:
        enable_tensorflow(library.sessions, library.instance.id, on=False)
    library.change(document, tag_new_version)
    assert library.tags(document) == {"cat": "auto"}
    found = library.look(document)
    assert (found.tagging_state, found.tagging_requested) == (TaggingState.QUEUED, False)


def test_whoever_has_the_former_content_in_hand_loses_it(library: Library) -> None:
    document = library.document(TaggingState.QUEUED)
    (held,) = library.take()
    library.change(document, tag_new_version)
    assert not library.record(held, library.conclude(held))
