from datetime import UTC, datetime, timedelta, timezone

import pytest

from autotag.blueprints import presentation
from autotag.blueprints.presentation import NO_BREAK_SPACE
from autotag.media.library.library import AssignedTag, DocumentSummary
from autotag.models import AssignmentSource, Document, TaggingState, VirtualInstance

MOMENT = datetime(2026, 5, 3, 14, 5, tzinfo=UTC)


def a_document(**values: object) -> Document:
    defaults: dict[str, object] = {
        "id": 7,
        "title": "kitten",
        "file_name": "kitten.jpg",
        "mime_type": "image/jpeg",
        "sha256": "ab" * 32,
        "tagging_state": TaggingState.TAGGED,
        "tagging_reason": "",
        "tagging_updated_at": MOMENT,
    }
    return Document(**defaults | values)


def an_automatic_tag(confidence: float | None = 0.85, provider: str = "tensorflow") -> AssignedTag:
    return AssignedTag("cat", AssignmentSource.AUTO, provider, "EfficientNet-Lite0", confidence)


A_MANUAL_TAG = AssignedTag("holiday", AssignmentSource.MANUAL, None, None, None)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (1500, "1.5 kB"),
        (66_400, "66 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (4_210_000, "4.2 MB"),
        (9_990_000, "10 MB"),
        (3_000_000_000, "3 GB"),
        (5_000_000_000_000_000, "5000 TB"),
    ],
)
def test_sizes_are_said_as_file_managers_do(size: int, words: str) -> None:
    assert presentation.human_size(size) == words.replace(" ", NO_BREAK_SPACE)


def test_moments_are_said_in_utc_whatever_zone_they_come_in() -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=9)))
    assert presentation.human_moment(elsewhere) == "3 May 2026, 14:05 UTC"
    assert presentation.machine_moment(elsewhere) == "2026-05-03T14:05:00Z"


@pytest.mark.parametrize(
    ("confidence", "words"), [(0, "0 %"), (0.1, "10 %"), (0.854, "85 %"), (1.0, "100 %")]
)
def test_confidence_is_said_in_whole_per_cent(confidence: float, words: str) -> None:
    assert presentation.percent(confidence) == words.replace(" ", NO_BREAK_SPACE)


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (12400, "12,400 files")]
)
def test_numbers_agree_with_their_noun(number: int, words: str) -> None:
    assert presentation.counted(number, "file") == words


def test_an_irregular_plural_is_given() -> None:
    assert presentation.counted(2, "file was", "files were") == "2 files were"


def test_an_automatic_tag_says_who_made_it_and_how_sure_it_is() -> None:
    assert presentation.provenance(an_automatic_tag()) == f"automatic, TensorFlow, 85{NO_BREAK_SPACE}%"
    assert presentation.provenance(an_automatic_tag(None, "own-model")) == "automatic, own-model"


def test_a_manual_tag_names_no_provider() -> None:
    assert presentation.provenance(A_MANUAL_TAG) == "added by a person"
    assert presentation.provider_label(None) == ""


@pytest.mark.parametrize(
    ("mime_type", "file_name", "words"),
    [
        ("image/jpeg", "kitten.jpg", "JPEG image"),
        ("application/pdf", "report", "PDF document"),
        ("application/x-own", "model.xyz", "XYZ file"),
        ("application/x-own", "README", "File"),
    ],
)
def test_types_are_named_for_people(mime_type: str, file_name: str, words: str) -> None:
    assert presentation.type_label(a_document(mime_type=mime_type, file_name=file_name)) == words


@pytest.mark.parametrize(
    ("file_name", "letters"),
    [
        ("a.pdf", "PDF"),
        ("archive.tar.gz", "GZ"),
        ("README", "File"),
        ("a.very-long-one", "File"),
        (".env", "File"),
    ],
)
def test_a_tile_shows_the_extension_when_it_is_short(file_name: str, letters: str) -> None:
    assert presentation.extension_label(a_document(file_name=file_name)) == letters


@pytest.mark.parametrize("state", list(TaggingState))
def test_every_state_has_a_look_and_words(state: TaggingState) -> None:
    view = presentation.state_view(a_document(tagging_state=state))
    assert view.text
    assert (view.kind == "pending") is not state.is_final


def test_the_stored_reason_is_shown_before_general_words() -> None:
    document = a_document(tagging_state=TaggingState.FAILED, tagging_reason="The image is cut off.")
    assert presentation.state_view(document) == presentation.StateView("danger", "The image is cut off.")


def test_an_announcement_counts_tags_or_gives_the_state() -> None:
    tagged = DocumentSummary(a_document(), (an_automatic_tag(), A_MANUAL_TAG))
    without = DocumentSummary(a_document(tagging_state=TaggingState.NO_TAGS), ())
    assert presentation.announcement(tagged) == "kitten: 2 tags"
    assert presentation.announcement(without) == "kitten: No tags found"


def test_a_card_has_a_new_version_whenever_it_would_look_different() -> None:
    cards = [
        DocumentSummary(a_document(), ()),
        DocumentSummary(a_document(), (A_MANUAL_TAG,)),
        DocumentSummary(a_document(tagging_state=TaggingState.RUNNING), ()),
        DocumentSummary(a_document(tagging_updated_at=MOMENT + timedelta(milliseconds=5)), ()),
        DocumentSummary(a_document(sha256="cd" * 32), ()),
    ]
    assert len({presentation.card_version(card) for card in cards}) == len(cards)


def test_the_default_instance_goes_by_its_host_name() -> None:
    default = VirtualInstance(web_id="default", virtual_host="photos.example.com")
    other = VirtualInstance(web_id="acme", virtual_host="acme")
    assert presentation.instance_name(default) == "photos.example.com"
    assert presentation.instance_name(other) == "acme"


@pytest.mark.parametrize(
    "target", ["/", "/documents", "/documents?cursor=abc", "/documents/7#tags", "/a//b", "/tags/freight car"]
)
def test_paths_of_this_site_are_followed_after_signing_in(target: str) -> None:
    assert presentation.safe_next(target) == target


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "documents",
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "\n/evil.example",
        "/documents\r\nSet-Cookie: a=b",
        " /documents",
        "javascript:alert(1)",
    ],
)
def test_whatever_leaves_this_site_is_not_followed(target: str | None) -> None:
    assert presentation.safe_next(target) is None
