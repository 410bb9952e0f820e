"""The declarations themselves: complete, distinct, with the labels of the user's document."""

import pytest

from autotag.configuration.declaration import Entry, Scope
from autotag.configuration.entries import CATEGORIES, ENTRIES, UnknownEntry, find_entry


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.key)
def test_every_field_has_a_label_and_a_help_and_a_name_of_its_own(entry: Entry) -> None:
    assert all(field.label and field.help.endswith(".") for field in entry.fields)
    assert len({field.name for field in entry.fields}) == len(entry.fields)
    assert entry.category in {category.key for category in CATEGORIES}
    assert set(entry.required) <= {field.name for field in entry.fields}


def test_keys_are_distinct() -> None:
    assert len({entry.key for entry in ENTRIES}) == len(ENTRIES)


def test_the_entries_of_the_assets_category_stand_under_their_scope_in_order() -> None:
    titles = {
        scope: [entry.title for entry in ENTRIES if entry.category == "assets" and entry.scope is scope]
        for scope in Scope
    }
    assert titles[Scope.SYSTEM] == ["Asset Auto Tagging", "TensorFlow Image Auto Tagging Process"]
    assert titles[Scope.INSTANCE] == [
        "Asset Auto Tagging",
        "TensorFlow Image Auto Tagging",
        "Google Cloud Vision Image Auto Tagging",
        "Microsoft Cognitive Services Image Auto Tagging",
    ]


@pytest.mark.parametrize(
    ("key", "labels"),
    [
        ("tensorflow", ["Enable TensorFlow Image Auto Tagging", "Model", "Confidence Threshold"]),
        (
            "tensorflow-process",
            ["Maximum Number of Relaunches", "Maximum Number of Relaunches Time Interval"],
        ),
        (
            "google-cloud-vision",
            ["API Key", "Enabled", "Confidence Threshold", "Maximum Number of Calls per Month"],
        ),
        (
            "microsoft-cognitive-services",
            [
                "API Key",
                "API Endpoint",
                "Enabled",
                "Confidence Threshold",
                "Maximum Number of Calls per Month",
            ],
        ),
    ],
)
def test_fields_have_the_labels_of_the_user_document_in_its_order(key: str, labels: list[str]) -> None:
    assert [field.label for field in find_entry(key).fields] == labels


@pytest.mark.parametrize("key", ["tensorflow", "google-cloud-vision", "microsoft-cognitive-services"])
def test_providers_are_off_by_default(key: str) -> None:
    assert find_entry(key).defaults["enabled"] is False


def test_a_stranger_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownEntry, match="tensorflow-process"):
        find_entry("nothing")
