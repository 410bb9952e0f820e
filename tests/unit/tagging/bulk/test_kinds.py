from autotag.blueprints.documents import bulk_labels
from autotag.tagging.bulk.kinds import BulkKind


def test_a_kind_is_about_tags_or_about_the_bin_or_neither() -> None:
    assert not [kind for kind in BulkKind if kind.is_about_tags and kind.is_about_the_bin]
    assert {kind for kind in BulkKind if kind.is_about_the_bin} == {BulkKind.RESTORE, BulkKind.PURGE}


def test_every_kind_has_words_and_fits_its_column() -> None:
    assert set(bulk_labels.DOING) == set(BulkKind)
    assert max(len(kind) for kind in BulkKind) <= 32
