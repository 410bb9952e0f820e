import pytest

from autotag.blueprints.documents.labels import (
    decision_text,
    is_accepted,
    precise_percent,
    seconds_text,
    state_word,
)
from autotag.models import TaggingState
from autotag.tagging.document_tags.explanation import JudgedPrediction
from autotag.tagging.policy import Verdict


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1, "100 %"),
        (0.1, "10 %"),
        (0.0999, "9.9 %"),
        (0.29, "29 %"),
        (0.123456, "12.3 %"),
        (0.0009, "under 0.1 %"),
        (0, "0 %"),
    ],
)
def test_a_share_is_never_said_to_be_more_than_it_is(share: float, text: str) -> None:
    assert precise_percent(share) == text.replace(" %", "\u00a0%")


@pytest.mark.parametrize("verdict", [*Verdict, None])
@pytest.mark.parametrize("on_document", [True, False])
def test_every_decision_has_words_of_its_own(verdict: Verdict | None, on_document: bool) -> None:
    text = decision_text(JudgedPrediction("cat", 0.5, verdict, on_document, False))
    assert text[0].isupper()
    assert not text.endswith(".")
    assert ("Accepted" in text) == is_accepted(JudgedPrediction("cat", 0.5, verdict, on_document, False)) or (
        verdict in (Verdict.UNUSABLE_NAME, Verdict.REMOVED_BY_PERSON)
    )


def test_what_a_person_removed_is_told_of_a_former_model_as_well() -> None:
    assert decision_text(JudgedPrediction("cat", 0.5, None, False, True)) == "Removed by a person"


def test_states_and_durations_are_said_shortly() -> None:
    assert {len(state_word(state).split()) for state in TaggingState} <= {1, 2}
    assert (seconds_text(0.257), seconds_text(61.7)) == ("0.26\u00a0s", "62\u00a0s")
