import unicodedata
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotag.tagging.policy import (
    FORBIDDEN_CHARACTERS,
    NAME_LENGTH,
    Candidate,
    Decision,
    Verdict,
    decide,
    explain_no_tags,
    fold,
    normalize_name,
)

CONFIDENCES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5, 0.9, 1.0])
# Few letters, so that names meet: case, accents in both spellings, letters that fold to two, what is forbidden.
ALPHABET = "aAbB \u00e9e\u0301\u0345\u00df\u1e9e\u0130ijJ\u030c\u01f0'\u2019&<\u0338\u037e\u1fef\u200d\x00"
NAMES = st.text(ALPHABET, max_size=6) | st.text(max_size=90)
CANDIDATES = st.builds(
    Candidate,
    name=NAMES,
    confidence=CONFIDENCES,
    provider=st.sampled_from(["tensorflow", "google-cloud-vision"]),
    model=st.sampled_from(["", "lite0"]),
    threshold=CONFIDENCES,
)


def candidate(name: str, confidence: float = 0.9, **values: object) -> Candidate:
    given = {"provider": "tensorflow", "model": "toy", "threshold": 0.1} | values
    return Candidate(name, confidence, **given)  # type: ignore[arg-type]


def verdicts(decisions: list[Decision]) -> list[tuple[str, Verdict]]:
    return [(decision.name, decision.verdict) for decision in decisions]


def accepted(decisions: list[Decision]) -> list[str]:
    return [decision.name for decision in decisions if decision.verdict is Verdict.ACCEPTED]


@pytest.mark.parametrize(
    ("name", "normalized"),
    [
        ("cat", "cat"),
        ("  Tabby   cat\t", "Tabby cat"),
        ("jack-o'-lantern", "jack-o-lantern"),
        ("carpenter\u2019s kit", "carpenters kit"),
        ("salt & pepper", "salt pepper"),
        ("C++/C#", "C C"),
        ("a[1]{2}", "a 1 2"),
        ('say "hi"; ~ok*', "say hi ok"),
        ("50% off?", "50 off"),
        ("line\nbreak\x00nul", "line break nul"),
        ("left\u202eright", "left right"),
        ("half \ud800 pair", "half pair"),
        ("cafe\u0301", "caf\u00e9"),
        ("e'\u0301", "\u00e9"),
        ("question\u037e", "question"),
        ("\u4f60\u597d \U0001f600", "\u4f60\u597d \U0001f600"),
        ("'&@\\]}:,=>/<[{%|+#`?\";*~", ""),
        ("", ""),
        ("n" * 76, "n" * 75),
        ("n" * 74 + "  more", "n" * 74),
    ],
)
def test_a_label_becomes_a_name(name: str, normalized: str) -> None:
    assert normalize_name(name) == normalized


@pytest.mark.parametrize(("length", "left"), [(74, 74), (75, 75), (76, 75)])
def test_a_name_has_at_most_75_code_points(length: int, left: int) -> None:
    assert len(normalize_name("\U0001f600" * length)) == left
    assert len(normalize_name("e\u0301" * length)) == left


def test_the_forbidden_characters_are_those_of_the_documented_list() -> None:
    assert sorted(FORBIDDEN_CHARACTERS) == sorted("&'@\\]}:,=>/<[{%|+#`?\";*~")


@given(NAMES)
def test_no_name_ever_has_what_is_forbidden(name: str) -> None:
    normalized = normalize_name(name)
    assert not FORBIDDEN_CHARACTERS & set(normalized)
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in normalized)
    assert len(normalized) <= NAME_LENGTH
    assert normalized == " ".join(normalized.split())
    assert unicodedata.is_normalized("NFC", normalized)


@given(NAMES)
def test_normalizing_again_changes_nothing(name: str) -> None:
    assert normalize_name(normalize_name(name)) == normalize_name(name)


@given(NAMES)
def test_folding_again_changes_nothing(name: str) -> None:
    assert fold(fold(name)) == fold(name)


@given(NAMES)
def test_a_folded_name_fits_its_column(name: str) -> None:
    assert len(fold(normalize_name(name))) <= 225


@pytest.mark.parametrize(
    ("one", "other"),
    [("Cat", "cAT"), ("STRASSE", "stra\u00dfe"), ("Caf\u00c9", "cafe\u0301"), ("\u01f0", "J\u030c")],
)
def test_names_that_differ_in_case_only_are_the_same_tag(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_names_that_differ_otherwise_are_not() -> None:
    assert len({fold(name) for name in ("cat", "cats", "caf\u00e9", "cafe")}) == 4


def test_the_highest_confidence_comes_first_whichever_provider_gave_it() -> None:
    decisions = decide(
        [candidate("low", 0.2), candidate("high", 0.8, provider="google"), candidate("middle", 0.5)],
        maximum=0,
    )
    assert accepted(decisions) == ["high", "middle", "low"]


@pytest.mark.parametrize(
    ("confidence", "threshold", "verdict"),
    [
        (0.5, 0.5, Verdict.ACCEPTED),
        (0.49, 0.5, Verdict.BELOW_THRESHOLD),
        (0.0, 0.0, Verdict.ACCEPTED),
        (1.0, 1.0, Verdict.ACCEPTED),
    ],
)
def test_the_threshold_itself_is_enough(confidence: float, threshold: float, verdict: Verdict) -> None:
    (decision,) = decide([candidate("cat", confidence, threshold=threshold)], maximum=0)
    assert decision.verdict is verdict


def test_each_provider_has_its_own_threshold() -> None:
    decisions = decide(
        [candidate("cat", 0.4, threshold=0.1), candidate("dog", 0.4, provider="google", threshold=0.5)],
        maximum=0,
    )
    assert verdicts(decisions) == [("cat", Verdict.ACCEPTED), ("dog", Verdict.BELOW_THRESHOLD)]


def test_every_candidate_gets_its_verdict() -> None:
    decisions = decide(
        [
            candidate("fine", 0.99),
            candidate("FINE", 0.98),
            candidate("there", 0.97),
            candidate("Taken Off", 0.96),
            candidate("???", 0.95),
            candidate("last", 0.94),
            candidate("too many", 0.93),
            candidate("weak", 0.05),
        ],
        maximum=2,
        existing={"there"},
        rejected={"taken off"},
    )
    assert verdicts(decisions) == [
        ("fine", Verdict.ACCEPTED),
        ("FINE", Verdict.DUPLICATE),
        ("there", Verdict.ALREADY_THERE),
        ("Taken Off", Verdict.REMOVED_BY_PERSON),
        ("", Verdict.UNUSABLE_NAME),
        ("last", Verdict.ACCEPTED),
        ("too many", Verdict.OVER_MAXIMUM),
        ("weak", Verdict.BELOW_THRESHOLD),
    ]


def test_a_name_from_two_providers_counts_once_with_the_higher_confidence() -> None:
    decisions = decide([candidate("cat", 0.3), candidate("Cat", 0.7, provider="google")], maximum=0)
    assert verdicts(decisions) == [("Cat", Verdict.ACCEPTED), ("cat", Verdict.DUPLICATE)]
    assert decisions[0].candidate.provider == "google"


def test_a_weak_twin_does_not_take_the_place_of_a_name() -> None:
    decisions = decide(
        [candidate("cat", 0.7, threshold=0.9), candidate("cat", 0.6, provider="google")], maximum=0
    )
    assert verdicts(decisions) == [("cat", Verdict.BELOW_THRESHOLD), ("cat", Verdict.ACCEPTED)]


def test_a_maximum_of_zero_is_no_limit() -> None:
    assert len(accepted(decide([candidate(f"tag {number}") for number in range(50)], maximum=0))) == 50


def test_equal_confidences_are_decided_by_name() -> None:
    for order in permutations(["b", "a", "C"]):
        assert accepted(decide([candidate(name) for name in order], maximum=2)) == ["a", "b"]


@given(st.lists(CANDIDATES, max_size=8), st.randoms(use_true_random=False), st.integers(0, 4))
def test_the_outcome_does_not_depend_on_who_answered_first(
    candidates: list[Candidate], random: object, maximum: int
) -> None:
    shuffled = list(candidates)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decide(shuffled, maximum=maximum) == decide(candidates, maximum=maximum)


@given(
    st.lists(CANDIDATES, max_size=12),
    st.integers(0, 5),
    st.sets(st.sampled_from(["a", "b", "ab", "\u00e9"])),
    st.sets(st.sampled_from(["a", "b", "ba", "ss"])),
)
def test_what_is_accepted_keeps_every_rule(
    candidates: list[Candidate], maximum: int, existing: set[str], rejected: set[str]
) -> None:
    decisions = decide(candidates, maximum=maximum, existing=existing, rejected=rejected)
    kept = [decision for decision in decisions if decision.verdict is Verdict.ACCEPTED]
    folded = [fold(decision.name) for decision in kept]
    assert len(decisions) == len(candidates)
    assert len(kept) <= (maximum or len(candidates))
    assert len(set(folded)) == len(folded)
    assert not set(folded) & (existing | rejected)
    assert all(
        decision.name and decision.candidate.confidence >= decision.candidate.threshold for decision in kept
    )
    confidences = [decision.candidate.confidence for decision in decisions]
    assert confidences == sorted(confidences, reverse=True)


@given(st.lists(CANDIDATES, max_size=10), st.integers(1, 4))
def test_a_smaller_maximum_accepts_a_beginning_of_what_a_larger_one_does(
    candidates: list[Candidate], maximum: int
) -> None:
    smaller, larger = (accepted(decide(candidates, maximum=limit)) for limit in (maximum, maximum + 1))
    assert larger[: len(smaller)] == smaller


@pytest.mark.parametrize(
    ("candidates", "rules", "sentence"),
    [
        ([], {}, "No provider recognised anything in this image."),
        (
            [candidate("cat", 0.08), candidate("dog", 0.02)],
            {},
            "The best prediction is cat with 0.08; the confidence threshold is 0.10.",
        ),
        (
            [candidate("cat")],
            {"rejected": {"cat"}},
            "The best prediction is cat, which a person removed from this document.",
        ),
        (
            [candidate("cat")],
            {"existing": {"cat"}},
            "The best prediction is cat, which this document has already.",
        ),
        ([candidate("???")], {}, "The best prediction is ???, which cannot be used as a tag."),
    ],
)
def test_why_there_are_no_tags_is_said_in_a_sentence(
    candidates: list[Candidate], rules: dict[str, set[str]], sentence: str
) -> None:
    assert explain_no_tags(decide(candidates, maximum=0, **rules)) == sentence
