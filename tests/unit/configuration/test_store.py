"""Entries at their levels: inheritance, saving as a whole, conflicts, secrets, the audit trail."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.declaration import Entry, Field, Kind, Scope
from autotag.configuration.effective import configuration_version
from autotag.configuration.entries import (
    ASSET_AUTO_TAGGING_SYSTEM,
    GOOGLE_CLOUD_VISION,
    INSTALLED_MODELS,
    MICROSOFT_COGNITIVE_SERVICES,
    TENSORFLOW,
)
from autotag.configuration.export import export
from autotag.configuration.secret_box import SecretBox, SecretUnreadable
from autotag.configuration.store import (
    ConfigurationConflict,
    Place,
    Resolved,
    Source,
    Submission,
    reset,
    resolve,
    save,
    shown_values,
)
from autotag.configuration.stored_secrets import rotate_secrets, unreadable_secrets
from autotag.configuration.validation import InvalidConfiguration
from autotag.models import AuditEvent, ConfigurationRecord, Level, VirtualInstance
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from tests.unit.at_once import second_of_two

BOX = SecretBox(["a key of the tests"])
CHOICES = {INSTALLED_MODELS: [("efficientnet-lite0", "Lite0")]}
WEST = "https://west.cognitiveservices.azure.com"
EAST = "https://east.cognitiveservices.azure.com"

Saver = Callable[..., Resolved]


@pytest.fixture
def put(sessions: sessionmaker[Session]) -> Saver:
    """Saves fields of a place over what is in force there."""

    def put(
        place: Place, *, expected: int | None = None, remove: frozenset[str] = frozenset(), **texts: str
    ) -> Resolved:
        with sessions() as session, unit_of_work(session) as work:
            submission = Submission(
                shown_values(resolve(session, place)) | texts, "eva", expected_version=expected, remove=remove
            )
            return save(work, place, submission, box=BOX, choices=CHOICES)

    return put


@pytest.fixture
def acme(make: Any) -> VirtualInstance:
    found: VirtualInstance = make.instance("acme")
    return found


def audited(session: Session) -> list[list[Any]]:
    return [event.changes for event in session.scalars(select(AuditEvent).order_by(AuditEvent.id))]


def test_without_a_record_the_defaults_hold(session: Session, acme: VirtualInstance) -> None:
    resolved = resolve(session, Place.of(TENSORFLOW, acme.id))
    assert resolved.source is Source.DEFAULT
    assert resolved.values == TENSORFLOW.defaults


def test_an_instance_inherits_what_is_saved_for_all(
    session: Session, acme: VirtualInstance, put: Saver
) -> None:
    put(Place.of(TENSORFLOW), enabled="true", confidence_threshold="0.3")
    resolved = resolve(session, Place.of(TENSORFLOW, acme.id))
    assert resolved.source is Source.INHERITED
    assert resolved.values["enabled"] is True
    assert resolved.values["confidence_threshold"] == 0.3


def test_an_override_is_a_whole_entry_and_goes_when_it_is_reset(
    session: Session, sessions: sessionmaker[Session], acme: VirtualInstance, put: Saver
) -> None:
    put(Place.of(TENSORFLOW, acme.id), enabled="false")
    put(Place.of(TENSORFLOW), enabled="true", confidence_threshold="0.9")
    place = Place.of(TENSORFLOW, acme.id)
    assert resolve(session, place).values["confidence_threshold"] == 0.1
    assert resolve(session, place).source is Source.OWN
    session.rollback()
    with sessions() as other, unit_of_work(other) as work:
        reset(work, place, "eva")
    assert resolve(session, place).values["confidence_threshold"] == 0.9


def test_another_instance_is_not_touched_by_an_override(
    session: Session, make: Any, acme: VirtualInstance, put: Saver
) -> None:
    globex = make.instance("globex")
    put(Place.of(TENSORFLOW, acme.id), enabled="true")
    assert resolve(session, Place.of(TENSORFLOW, globex.id)).source is Source.DEFAULT


def test_what_is_wrong_saves_nothing(session: Session, put: Saver) -> None:
    with pytest.raises(InvalidConfiguration):
        put(Place.of(TENSORFLOW), enabled="true", confidence_threshold="1.5")
    assert session.scalar(select(ConfigurationRecord)) is None
    assert configuration_version(session) == 0


def test_saving_what_is_there_changes_no_row(session: Session, put: Saver) -> None:
    put(Place.of(TENSORFLOW), enabled="true")
    version = configuration_version(session)
    session.rollback()
    put(Place.of(TENSORFLOW), enabled="true")
    assert configuration_version(session) == version
    assert len(audited(session)) == 1


def test_the_second_of_two_who_save_at_once_is_told(session: Session, put: Saver) -> None:
    place = Place.of(TENSORFLOW)
    first = put(place, enabled="true")
    put(place, expected=first.version, confidence_threshold="0.4")
    with pytest.raises(ConfigurationConflict) as caught:
        put(place, expected=first.version, confidence_threshold="0.7")
    assert caught.value.current.values["confidence_threshold"] == 0.4
    assert resolve(session, place).values["confidence_threshold"] == 0.4


def test_the_second_of_two_who_save_first_is_told(put: Saver) -> None:
    put(Place.of(TENSORFLOW), expected=0, enabled="true")
    with pytest.raises(ConfigurationConflict):
        put(Place.of(TENSORFLOW), expected=0, enabled="false")


def test_of_two_who_save_in_the_same_moment_one_is_told(
    session: Session, sessions: sessionmaker[Session]
) -> None:
    place = Place.of(TENSORFLOW)

    def saving(threshold: str) -> Callable[[UnitOfWork], Resolved]:
        def act(work: UnitOfWork) -> Resolved:
            shown = shown_values(resolve(work.session, place)) | {"confidence_threshold": threshold}
            submission = Submission(shown, "eva", expected_version=0)
            return save(work, place, submission, box=BOX, choices=CHOICES)

        return act

    with pytest.raises(ConfigurationConflict):
        second_of_two(sessions, saving("0.4"), saving("0.7"))
    assert resolve(session, place).values["confidence_threshold"] == 0.4
    assert configuration_version(session) == 1


def test_a_secret_is_stored_sealed_and_kept_when_it_is_not_given_again(
    session: Session, acme: VirtualInstance, put: Saver
) -> None:
    place = Place.of(GOOGLE_CLOUD_VISION, acme.id)
    put(place, api_key="sesame", enabled="true")
    put(place, confidence_threshold="0.8")
    resolved = resolve(session, place)
    assert resolved.secret("api_key", BOX) == "sesame"
    assert "sesame" not in str(session.scalars(select(ConfigurationRecord)).one().values)
    assert "sesame" not in export(resolved)
    assert "api_key" not in shown_values(resolved)


def test_an_explicit_removal_removes_a_secret(session: Session, acme: VirtualInstance, put: Saver) -> None:
    place = Place.of(GOOGLE_CLOUD_VISION, acme.id)
    put(place, api_key="sesame")
    put(place, remove=frozenset({"api_key"}))
    assert resolve(session, place).secret("api_key", BOX) == ""


def test_a_provider_cannot_stay_enabled_without_its_key(acme: VirtualInstance, put: Saver) -> None:
    place = Place.of(GOOGLE_CLOUD_VISION, acme.id)
    put(place, api_key="sesame", enabled="true")
    with pytest.raises(InvalidConfiguration, match="required"):
        put(place, remove=frozenset({"api_key"}))


def test_an_inherited_secret_goes_into_the_override(
    session: Session, acme: VirtualInstance, put: Saver
) -> None:
    put(Place.of(GOOGLE_CLOUD_VISION), api_key="shared")
    put(Place.of(GOOGLE_CLOUD_VISION, acme.id), enabled="true")
    assert resolve(session, Place.of(GOOGLE_CLOUD_VISION, acme.id)).secret("api_key", BOX) == "shared"


def test_another_host_never_gets_the_stored_key(session: Session, acme: VirtualInstance, put: Saver) -> None:
    place = Place.of(MICROSOFT_COGNITIVE_SERVICES, acme.id)
    put(place, api_key="sesame", api_endpoint=WEST)
    put(place, api_endpoint=WEST + "/vision/v3.2")
    assert resolve(session, place).secret("api_key", BOX) == "sesame"
    session.rollback()
    put(place, api_endpoint=EAST)
    assert resolve(session, place).secret("api_key", BOX) == ""


@pytest.mark.parametrize(
    ("stored", "entered", "kept"),
    [
        (WEST, WEST, True),
        (WEST, f" {WEST.upper().replace('HTTPS', 'https')}:443/vision/v3.2 ", True),
        ("", "", True),
        ("", WEST, False),
        (WEST, "", False),
        (WEST, EAST, False),
        (WEST, WEST.replace("https", "http"), False),
        (WEST, f"{WEST}:8443", False),
        (WEST, f"{WEST}.evil.example", False),
    ],
)
def test_an_inherited_key_goes_to_exactly_the_origin_that_it_was_stored_with(
    acme: VirtualInstance, put: Saver, stored: str, entered: str, kept: bool
) -> None:
    put(Place.of(MICROSOFT_COGNITIVE_SERVICES), api_key="the installation's", api_endpoint=stored)
    saved = put(Place.of(MICROSOFT_COGNITIVE_SERVICES, acme.id), api_endpoint=entered)
    assert saved.secret("api_key", BOX) == ("the installation's" if kept else "")


def test_without_a_key_of_its_own_an_instance_cannot_enable_an_address_of_its_own(
    acme: VirtualInstance, put: Saver
) -> None:
    put(Place.of(MICROSOFT_COGNITIVE_SERVICES), api_key="the installation's")
    with pytest.raises(InvalidConfiguration) as caught:
        put(Place.of(MICROSOFT_COGNITIVE_SERVICES, acme.id), api_endpoint=EAST, enabled="true")
    assert list(caught.value.errors) == ["api_key"]


@pytest.mark.parametrize("entered", ["https://[", "https://west:port", f"{WEST}\\@evil.example", "\x00"])
def test_an_address_that_is_none_is_refused_before_anything_is_kept_for_it(put: Saver, entered: str) -> None:
    place = Place.of(MICROSOFT_COGNITIVE_SERVICES)
    put(place, api_key="sesame", api_endpoint=WEST)
    with pytest.raises(InvalidConfiguration):
        put(place, api_endpoint=entered)


def test_a_secret_of_a_providers_package_belongs_to_the_addresses_of_its_entry(
    acme: VirtualInstance, put: Saver
) -> None:
    """A package that says nothing of where its secret belongs gives it to no address but the stored one."""
    entry = Entry(
        key="package",
        title="Package",
        category="assets",
        scope=Scope.INSTANCE,
        help="",
        fields=(
            Field(name="token", label="Token", kind=Kind.SECRET, default="", help=""),
            Field(name="server", label="Server", kind=Kind.ADDRESS, default="", help=""),
        ),
    )
    put(Place.of(entry), token="the installation's", server=WEST)
    assert put(Place.of(entry, acme.id), server=f"{WEST}/path").secret("token", BOX) == "the installation's"
    assert put(Place.of(entry, acme.id), server=EAST).secret("token", BOX) == ""


def test_the_audit_trail_says_what_changed_and_masks_secrets(
    session: Session, acme: VirtualInstance, put: Saver
) -> None:
    put(Place.of(GOOGLE_CLOUD_VISION, acme.id), api_key="sesame", confidence_threshold="0.8")
    (changes,) = audited(session)
    assert ["Confidence Threshold", "0.5", "0.8"] in changes
    assert "sesame" not in str(changes)
    assert any(change[0] == "API Key" and change[2] for change in changes)


def test_rotation_seals_with_the_new_key(
    session: Session, sessions: sessionmaker[Session], acme: VirtualInstance, put: Saver
) -> None:
    place = Place.of(GOOGLE_CLOUD_VISION, acme.id)
    put(place, api_key="sesame")
    both = SecretBox(["a new key", "a key of the tests"])
    with sessions() as other, unit_of_work(other) as work:
        assert rotate_secrets(work, both) == 1
    assert resolve(session, place).secret("api_key", SecretBox(["a new key"])) == "sesame"


def test_a_secret_that_cannot_be_read_keeps_no_other_from_the_new_key(
    session: Session, sessions: sessionmaker[Session], acme: VirtualInstance, put: Saver
) -> None:
    damaged, sound = Place.of(GOOGLE_CLOUD_VISION), Place.of(GOOGLE_CLOUD_VISION, acme.id)
    put(damaged, api_key="sesame")
    put(sound, api_key="sesame")
    with sessions() as other, unit_of_work(other) as work:
        record = work.session.scalars(select(ConfigurationRecord).filter_by(instance_id=None)).one()
        record.values = record.values | {"api_key": "damaged"}
        work.session.add(
            ConfigurationRecord(
                entry="a package that is gone", level=Level.DEFAULT, values={"key": "x"}, version=9
            )
        )
    both, new = SecretBox(["a new key", "a key of the tests"]), SecretBox(["a new key"])
    with sessions() as other, unit_of_work(other) as work:
        assert rotate_secrets(work, both) == 1
    assert resolve(session, sound).secret("api_key", new) == "sesame"
    named = "Google Cloud Vision Image Auto Tagging, API Key (System Settings)"
    assert unreadable_secrets(session, new) == [named]


@pytest.mark.parametrize(
    ("change", "kept"), [({"api_key": "another"}, "another"), ({"remove": {"api_key"}}, "")]
)
def test_a_secret_that_cannot_be_read_is_replaced_or_removed(
    session: Session, put: Saver, change: dict[str, Any], kept: str
) -> None:
    place = Place.of(GOOGLE_CLOUD_VISION)
    put(place, api_key="sesame")
    record = session.scalars(select(ConfigurationRecord)).one()
    record.values = record.values | {"api_key": "damaged"}
    session.commit()
    with pytest.raises(SecretUnreadable, match="The stored key cannot be read; enter it again"):
        put(place, confidence_threshold="0.9")
    assert put(place, **change).secret("api_key", BOX) == kept


def test_a_record_of_an_older_version_gets_the_defaults_of_new_fields(session: Session, put: Saver) -> None:
    put(Place.of(ASSET_AUTO_TAGGING_SYSTEM), enabled="false")
    record = session.scalars(select(ConfigurationRecord)).one()
    record.values = {"enabled": False, "a field of the past": 1}
    session.flush()
    assert resolve(session, Place.of(ASSET_AUTO_TAGGING_SYSTEM)).values == {
        "enabled": False,
        "maximum_number_of_tags": 0,
    }


def test_an_export_is_lines_of_key_and_value(session: Session, put: Saver) -> None:
    put(Place.of(TENSORFLOW), enabled="true", confidence_threshold="0.25")
    assert export(resolve(session, Place.of(TENSORFLOW))) == (
        'enabled="true"\nmodel="efficientnet-lite0"\nconfidence_threshold="0.25"\n'
    )
