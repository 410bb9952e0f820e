"""What stands beside uploaded files in a form."""

import pytest
from werkzeug.datastructures import MultiDict

from autotag.blueprints.documents.forms import upload_wishes
from autotag.media.errors import FolderNotFound
from autotag.media.folders.folders import MAXIMUM_DEPTH
from autotag.tagging.tags.names import TaggingRefused
from autotag.tagging.uploads.upload import UploadWishes


def read(*fields: tuple[str, str]) -> UploadWishes:
    return upload_wishes(MultiDict(fields))


def test_without_fields_there_are_no_wishes() -> None:
    assert read() == read(("folder_id", ""), ("tags", " , ")) == UploadWishes(None, ())


def test_tags_stand_in_one_field_or_in_several_each_once_whatever_its_case() -> None:
    assert read(("tags", "cat,  old   dog ")).tags == ("cat", "old dog")
    assert read(("tags", "cat"), ("tags", "Cat, dog")).tags == ("Cat", "dog")


def test_a_tag_that_cannot_be_one_is_refused_with_its_reason() -> None:
    with pytest.raises(TaggingRefused, match="A tag cannot contain #: #cat"):
        read(("tags", "dog, #cat"))


def test_a_path_that_is_cut_has_more_folders_than_there_may_be_or_a_name_that_is_too_long() -> None:
    assert read(("path", "Italy/Rome")).path == "Italy/Rome"
    assert read(("path", "x/" * 10_000)).path.count("/") > MAXIMUM_DEPTH
    assert len(read(("path", f"{'x' * 255}/" * 100)).path.split("/")) > MAXIMUM_DEPTH


@pytest.mark.parametrize("folder", ["x", "-1", "1.5", "\u0663", "9" * 5000])
def test_what_is_no_number_is_no_folder(folder: str) -> None:
    with pytest.raises(FolderNotFound):
        read(("folder_id", folder))
