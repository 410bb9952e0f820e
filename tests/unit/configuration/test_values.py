import pytest
from sqlalchemy.orm import Session

from autotag.configuration.entries import GOOGLE_CLOUD_VISION, UPLOADS
from autotag.configuration.secret_box import SecretBox
from autotag.configuration.store import Place, Resolved, Submission, resolve, save
from autotag.configuration.values import own_version, readable_values, submission_of
from autotag.instances.audit import MASK
from autotag.models.unit_of_work import unit_of_work

BOX = SecretBox(("key",))
GOOGLE = Place.of(GOOGLE_CLOUD_VISION)


@pytest.fixture
def stored(session: Session) -> Resolved:
    texts = {"api_key": "secret", "enabled": "true", "confidence_threshold": "0.5"}
    texts["maximum_number_of_calls"] = "0"
    with unit_of_work(session) as work:
        return save(work, GOOGLE, Submission(texts, "eva"), box=BOX, choices={})


def test_values_are_typed_and_a_secret_is_a_placeholder(session: Session, stored: Resolved) -> None:
    assert readable_values(stored) == {
        "api_key": MASK,
        "enabled": True,
        "confidence_threshold": 0.5,
        "maximum_number_of_calls": 0,
    }
    assert own_version(stored) == stored.version > 0
    nothing = resolve(session, Place.of(UPLOADS))
    assert own_version(nothing) == 0
    assert readable_values(nothing)["maximum_pixels"] == 75


def test_what_is_left_out_keeps_the_value_in_force(stored: Resolved) -> None:
    submission = submission_of(stored, {"confidence_threshold": 0.25}, actor="eva", expected_version=3)
    assert submission.texts == {
        "enabled": "true",
        "confidence_threshold": "0.25",
        "maximum_number_of_calls": "0",
    }
    assert (submission.actor, submission.expected_version, submission.remove) == ("eva", 3, frozenset())


@pytest.mark.parametrize(
    ("sent", "text", "removed"),
    [(MASK, None, False), ("other", "other", False), ("", "", True), ("  ", "  ", True)],
)
def test_a_secret_is_kept_replaced_or_removed(
    stored: Resolved, sent: str, text: str | None, removed: bool
) -> None:
    submission = submission_of(stored, {"api_key": sent}, actor="eva", expected_version=None)
    assert submission.texts.get("api_key") == text
    assert ("api_key" in submission.remove) == removed
