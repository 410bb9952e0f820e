from autotag.media.storage.renditions import PREVIEW_SIDE, THUMBNAIL_SIDE, preview_key, thumbnail_key


def test_the_renditions_of_a_content_lie_side_by_side_under_keys_of_their_own() -> None:
    assert thumbnail_key("abcdef") == "renditions/ab/abcdef-thumbnail.jpg"
    assert preview_key("abcdef") == "renditions/ab/abcdef-preview.jpg"


def test_a_preview_is_larger_than_a_thumbnail() -> None:
    assert THUMBNAIL_SIDE < PREVIEW_SIDE
