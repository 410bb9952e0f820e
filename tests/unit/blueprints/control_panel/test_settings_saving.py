"""What becomes of what people send: saved, refused with a reason, told about somebody else's save."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.config import Config
from autotag.models import Base, ConfigurationRecord, Role, VirtualInstance
from tests.unit.blueprints.conftest import (
    INSTANCE,
    SYSTEM,
    Browser,
    control,
    form_values,
    parsed,
    said,
    save,
)

SECRET = "AIza-never-to-be-seen"

Open = Callable[..., Browser]


def everything_in(sessions: sessionmaker[Session]) -> str:
    with sessions() as session:
        return repr([session.execute(select(table)).all() for table in Base.metadata.sorted_tables])


def test_saving_makes_the_record_and_then_updates_it(
    administrator: Browser, records: Callable[[], list[tuple[str, int, object]]]
) -> None:
    path = f"{INSTANCE}/documents-and-media"
    assert said(administrator.page(path)).count("Reset Default Values") == 0
    assert save(administrator, path, {"maximum_pixels": "60"}) == 303
    page = administrator.page(path)
    assert page.find("button", string="Update")
    assert f"Set for this instance. Saved by {administrator.user.email}" in said(page)
    assert "Reset Default Values" in said(page)
    assert [version for _, version, _ in records()] == [1]


def test_an_untouched_form_changes_no_row(
    administrator: Browser, records: Callable[[], object], events: Callable[[], int]
) -> None:
    path = f"{INSTANCE}/asset-auto-tagging"
    save(administrator, path, {})
    before = records(), events()
    assert save(administrator, path, {}) == 303
    assert (records(), events()) == before


def test_an_instance_inherits_until_it_saves_and_again_after_a_reset(
    system_administrator: Browser, administrator: Browser
) -> None:
    path = f"{INSTANCE}/documents-and-media"
    save(system_administrator, f"{SYSTEM}/documents-and-media", {"maximum_pixels": "33"})
    page = administrator.page(path)
    assert control(page, "maximum_pixels")["value"] == "33"
    assert "inherited from System Settings" in said(page)
    assert not page.find("a", href=re.compile(SYSTEM))
    assert system_administrator.user.email not in said(page)
    assert system_administrator.page(path).find(
        "a", href=f"{SYSTEM}/documents-and-media", string="System Settings"
    )
    save(administrator, path, {"maximum_pixels": "44"})
    assert control(administrator.page(path), "maximum_pixels")["value"] == "44"
    assert administrator.post(f"{path}/reset").status_code == 303
    assert control(administrator.page(path), "maximum_pixels")["value"] == "33"


INVALID = [
    ("tensorflow", "confidence_threshold", "1.5", "Enter a number from 0 to 1."),
    ("tensorflow", "confidence_threshold", "abc", "Enter a number, for example 0.5."),
    ("tensorflow", "confidence_threshold", "", "Enter a number."),
    ("tensorflow", "model", "gone", "Choose one of: toy."),
    ("asset-auto-tagging", "maximum_number_of_tags", "-1", "Enter a number from 0 to 1 000."),
    ("asset-auto-tagging", "maximum_number_of_tags", "1.5", "Enter a whole number."),
    (
        "microsoft-cognitive-services",
        "api_endpoint",
        "not a url",
        "Enter a web address, for example https://name.cognitiveservices.azure.com.",
    ),
    ("google-cloud-vision", "enabled", "true", "This is required to enable the provider."),
]


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(("entry", "field", "value", "reason"), INVALID)
def test_an_invalid_value_is_told_beside_its_field_and_nothing_is_saved(
    administrator: Browser,
    records: Callable[[], object],
    command: Callable[..., str],
    entry: str,
    field: str,
    value: str,
    reason: str,
) -> None:
    path = f"{INSTANCE}/{entry}"
    sent = form_values(administrator.page(path))
    other = next(
        (name for name in sent if name.startswith(("confidence", "maximum")) and name != field), None
    )
    sent |= {"model": "toy"} if "model" in sent else {}
    sent |= {other: "0.7"} if other else {}
    answer = administrator.post(path, sent | {field: value})
    page = parsed(answer)
    assert answer.status_code == 422
    wrong = "api_key" if entry == "google-cloud-vision" else field
    found = control(page, wrong)
    assert found["aria-invalid"] == "true"
    assert page.find(id=f"field-{wrong}-error").get_text() == reason
    if other:
        assert control(page, other)["value"] == "0.7"
    if field == wrong and found.name == "input":
        assert control(page, field)["value"] == value
    assert records() == []
    printed = command("set", "--scope", "instance", "--instance", "acme", entry, field, "--", value)
    assert reason in printed


def test_an_instance_stays_under_the_maximum_of_the_system(
    system_administrator: Browser, administrator: Browser
) -> None:
    save(system_administrator, f"{SYSTEM}/asset-auto-tagging-system", {"maximum_number_of_tags": "2"})
    path = f"{INSTANCE}/asset-auto-tagging"
    for value in ("3", "0"):
        answer = administrator.post(
            path, form_values(administrator.page(path)) | {"maximum_number_of_tags": value}
        )
        assert answer.status_code == 422
        assert "System Settings allow 2 tags at most" in said(parsed(answer))
    assert save(administrator, path, {"maximum_number_of_tags": "2"}) == 303


def test_a_secret_is_in_no_answer_kept_when_empty_and_removed_on_purpose(
    administrator: Browser,
    records: Callable[[], list[tuple[str, int, dict[str, object]]]],
    config: Config,
    sessions: sessionmaker[Session],
) -> None:
    path = f"{INSTANCE}/google-cloud-vision"
    assert save(administrator, path, {"api_key": SECRET}) == 303
    page = administrator.page(path)
    assert control(page, "api_key")["value"] == ""
    assert "A key is stored." in said(page)
    assert save(administrator, path, {"confidence_threshold": "0.8", "enabled": "true"}) == 303
    assert records()[0][2]["api_key"] != ""
    refused = administrator.post(
        path, form_values(administrator.page(path)) | {"api_key": SECRET, "confidence_threshold": "9"}
    )
    assert "The key you typed was not saved. Enter it again." in said(parsed(refused))
    answers = [
        refused.text,
        *(administrator.get(seen).text for seen in (path, f"{path}/export", "/control-panel/audit")),
    ]
    assert not [text for text in answers if SECRET in text]
    assert "api_key" not in administrator.get(f"{path}/export").text
    assert save(administrator, path, {"remove": "api_key"}) == 422
    values = form_values(administrator.page(path)) | {"remove": "api_key"}
    values.pop("enabled")
    assert administrator.post(path, values).status_code == 303
    assert records()[0][2]["api_key"] == ""
    assert SECRET not in everything_in(sessions)
    if config.database_url.startswith("sqlite:"):
        assert SECRET.encode() not in Path(config.database_url.removeprefix("sqlite:///")).read_bytes()


def test_the_second_of_two_administrators_is_told(
    browser: Open,
    administrator: Browser,
    acme: VirtualInstance,
    records: Callable[[], list[tuple[str, int, dict[str, object]]]],
) -> None:
    path = f"{INSTANCE}/asset-auto-tagging"
    second = browser(acme, Role.ADMINISTRATOR)
    values = form_values(second.page(path))
    save(administrator, path, {"maximum_number_of_tags": "5", "update_auto_tags": "true"})
    answer = second.post(path, values | {"maximum_number_of_tags": "7"})
    page = parsed(answer)
    assert answer.status_code == 409
    assert f"{administrator.user.email} saved this entry on" in said(page)
    assert control(page, "maximum_number_of_tags")["value"] == "7"
    assert page.find(id="field-maximum_number_of_tags-stored").get_text() == "Now stored: 5"
    assert page.find(id="field-update_auto_tags-stored").get_text() == "Now stored: on"
    assert not page.find(id="field-enabled-stored")
    assert records()[0][2]["maximum_number_of_tags"] == 5
    assert second.post(path, form_values(page)).status_code == 303
    assert records()[0][2] == {"enabled": True, "maximum_number_of_tags": 7, "update_auto_tags": False}


def test_a_reset_meanwhile_is_a_conflict_too(
    browser: Open, administrator: Browser, acme: VirtualInstance
) -> None:
    path = f"{INSTANCE}/asset-auto-tagging"
    save(administrator, path, {"maximum_number_of_tags": "5"})
    values = form_values(administrator.page(path))
    browser(acme, Role.ADMINISTRATOR).post(f"{path}/reset")
    answer = administrator.post(path, values)
    assert answer.status_code == 409
    assert "Somebody reset this entry" in said(parsed(answer))
    assert administrator.post(path, form_values(parsed(answer))).status_code == 303


def test_a_version_that_is_none_is_a_conflict(administrator: Browser, records: Callable[[], object]) -> None:
    path = f"{INSTANCE}/asset-auto-tagging"
    for version in ("", "x", "-1", "\u0663"):
        assert save(administrator, path, {"expected_version": version}) == 409
    assert records() == []


@pytest.mark.usefixtures("models")
def test_enabling_a_provider_says_what_happens_next(administrator: Browser) -> None:
    path = f"{INSTANCE}/tensorflow"
    assert "The model efficientnet-lite0 is not installed" in said(administrator.page(path))
    save(administrator, path, {"enabled": "true", "model": "toy"})
    page = said(administrator.page(path))
    assert "Saved. Images uploaded from now on are tagged." in page
    assert "Model in force: Toy, 2 classes." in page
    switch = f"{INSTANCE}/asset-auto-tagging"
    values = form_values(administrator.page(switch))
    values.pop("enabled")
    administrator.post(switch, values)
    administrator.post(f"{path}/reset")
    administrator.page(path)
    save(administrator, path, {"enabled": "true", "model": "toy"})
    assert "Saved. Auto tagging is off:" in said(administrator.page(path))


@pytest.mark.parametrize("damage", ["deadbeef:AAAA", "A", "AAAA", "no key: %"])
def test_a_key_that_cannot_be_read_any_more_is_told_and_can_be_entered_again(
    administrator: Browser, sessions: sessionmaker[Session], damage: str
) -> None:
    path = f"{INSTANCE}/google-cloud-vision"
    save(administrator, path, {"api_key": SECRET})
    with sessions() as session:
        record = session.scalars(select(ConfigurationRecord)).one()
        record.values = record.values | {"api_key": damaged_like(record.values["api_key"], damage)}
        session.commit()
    told = "The stored key cannot be read; enter it again."
    assert told in said(administrator.page(path))
    answer = administrator.post(path, form_values(administrator.page(path)))
    assert answer.status_code == 422
    assert told in said(parsed(answer))
    save(administrator, path, {"api_key": SECRET})
    assert told not in said(administrator.page(path))


def damaged_like(sealed: str, damage: str) -> str:
    """Keep the name of the key, and damage what stands behind it."""
    return f"{sealed.partition(':')[0]}:{damage}" if damage.isalpha() else damage
