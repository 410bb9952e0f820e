"""Text becomes values, or a reason for each field."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotag.configuration.declaration import Entry
from autotag.configuration.entries import (
    ASSET_AUTO_TAGGING,
    ENTRIES,
    GOOGLE_CLOUD_VISION,
    INSTALLED_MODELS,
    MICROSOFT_COGNITIVE_SERVICES,
    TENSORFLOW,
    TENSORFLOW_PROCESS,
)
from autotag.configuration.validation import Bounds, InvalidConfiguration, read_text, read_texts, write_text

BOUNDS = Bounds({INSTALLED_MODELS: [("efficientnet-lite0", "Lite0"), ("other", "Other")]}, {})
NO_SYSTEM_MAXIMUM = Bounds(BOUNDS.choices, {"maximum_number_of_tags": 0})


def texts_of(entry: Entry) -> dict[str, str]:
    return {field.name: write_text(field, field.default) for field in entry.fields}


def errors_of(entry: Entry, bounds: Bounds = BOUNDS, **texts: str) -> dict[str, str]:
    with pytest.raises(InvalidConfiguration) as caught:
        read_texts(entry, texts_of(entry) | texts, bounds)
    return caught.value.errors


@pytest.mark.parametrize("text", ["0", "1", "0.25", " 0.5 ", "1e-3"])
def test_a_threshold_from_0_to_1_is_taken(text: str) -> None:
    values = read_texts(TENSORFLOW, texts_of(TENSORFLOW) | {"confidence_threshold": text}, BOUNDS)
    assert values["confidence_threshold"] == float(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1.5", "Enter a number from 0 to 1."),
        ("-0.1", "Enter a number from 0 to 1."),
        ("abc", "Enter a number, for example 0.5."),
        ("nan", "Enter a number, for example 0.5."),
        ("inf", "Enter a number, for example 0.5."),
        ("", "Enter a number."),
        ("   ", "Enter a number."),
    ],
)
def test_any_other_threshold_has_its_reason(text: str, reason: str) -> None:
    assert errors_of(TENSORFLOW, confidence_threshold=text) == {"confidence_threshold": reason}


@pytest.mark.parametrize("text", ["-1", "1001"])
def test_a_maximum_out_of_range_is_refused(text: str) -> None:
    errors = errors_of(ASSET_AUTO_TAGGING, NO_SYSTEM_MAXIMUM, maximum_number_of_tags=text)
    assert errors == {"maximum_number_of_tags": "Enter a number from 0 to 1 000."}


@pytest.mark.parametrize("text", ["2.5", "two", "0x10", "٣!"])
def test_a_maximum_that_is_no_whole_number_is_refused(text: str) -> None:
    errors = errors_of(ASSET_AUTO_TAGGING, NO_SYSTEM_MAXIMUM, maximum_number_of_tags=text)
    assert errors == {"maximum_number_of_tags": "Enter a whole number."}


@pytest.mark.parametrize(("text", "taken"), [("1", True), ("2", True), ("3", False), ("0", False)])
def test_an_instance_cannot_exceed_the_maximum_of_the_system(text: str, taken: bool) -> None:
    bounds = Bounds({}, {"maximum_number_of_tags": 2})
    texts = texts_of(ASSET_AUTO_TAGGING) | {"maximum_number_of_tags": text}
    if taken:
        assert read_texts(ASSET_AUTO_TAGGING, texts, bounds)["maximum_number_of_tags"] == int(text)
    else:
        errors = errors_of(ASSET_AUTO_TAGGING, bounds, maximum_number_of_tags=text)
        assert "2 tags at most" in errors["maximum_number_of_tags"]


def test_an_interval_of_no_time_is_refused() -> None:
    name = "maximum_number_of_relaunches_time_interval"
    assert name in errors_of(TENSORFLOW_PROCESS, **{name: "0"})


@pytest.mark.parametrize(
    "address",
    [
        "westcentralus",
        "ftp://example.test/",
        "https://",
        "https:///vision",
        "https://user:secret@example.test/",
        "https://example.test/?key=1",
        "https://example.test/#part",
        "https://example.test:port/",
        "https://exa mple.test/",
        "javascript:alert(1)",
    ],
)
def test_an_endpoint_that_is_no_web_address_is_refused(address: str) -> None:
    errors = errors_of(MICROSOFT_COGNITIVE_SERVICES, api_endpoint=address)
    assert "Enter a web address" in errors["api_endpoint"]


def test_the_endpoint_of_the_user_document_is_taken() -> None:
    address = "https://westcentralus.api.cognitive.microsoft.com/vision/v2.0"
    texts = texts_of(MICROSOFT_COGNITIVE_SERVICES) | {"api_endpoint": address}
    assert read_texts(MICROSOFT_COGNITIVE_SERVICES, texts, BOUNDS)["api_endpoint"] == address


def test_a_provider_cannot_be_enabled_without_what_it_needs() -> None:
    assert errors_of(GOOGLE_CLOUD_VISION, enabled="true").keys() == {"api_key"}
    assert errors_of(MICROSOFT_COGNITIVE_SERVICES, enabled="on").keys() == {"api_key", "api_endpoint"}


def test_all_reasons_come_at_once() -> None:
    errors = errors_of(TENSORFLOW, confidence_threshold="x", model="gone")
    assert errors.keys() == {"confidence_threshold", "model"}


def test_a_model_that_is_not_installed_is_refused_with_those_that_are() -> None:
    assert errors_of(TENSORFLOW, model="gone") == {"model": "Choose one of: efficientnet-lite0, other."}


def test_control_characters_in_a_secret_are_refused() -> None:
    assert "api_key" in errors_of(GOOGLE_CLOUD_VISION, api_key="two\nlines\x00")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.key)
def test_defaults_survive_being_written_and_read(entry: Entry) -> None:
    assert read_texts(entry, texts_of(entry), NO_SYSTEM_MAXIMUM) == entry.defaults


@given(st.floats(min_value=0, max_value=1))
def test_every_threshold_survives_being_written_and_read(number: float) -> None:
    field = TENSORFLOW.field("confidence_threshold")
    assert read_text(field, write_text(field, number), {}) == number


@given(
    st.sampled_from(ENTRIES),
    st.dictionaries(st.sampled_from(["enabled", "model", "api_endpoint"]), st.text()),
)
def test_no_text_ever_raises_anything_but_a_reason(entry: Entry, texts: dict[str, str]) -> None:
    with suppress(InvalidConfiguration):
        read_texts(entry, texts_of(entry) | texts, NO_SYSTEM_MAXIMUM)
