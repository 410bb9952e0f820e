import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotag.inference.process.process import Prediction
from autotag.providers.answers import as_mapping, mappings_of, read_predictions
from autotag.providers.base import ProtocolViolation

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "score", "x"]), inner)
    ),
    max_leaves=8,
)


def read(labels):
    return read_predictions(labels, "name", "score", "The service")


def test_labels_are_ordered_by_score_and_cut_at_twenty():
    labels = [{"name": f"label {number}", "score": number / 100} for number in range(30)]
    found = read(labels)
    assert found[0] == Prediction("label 29", 0.29)
    assert [prediction.confidence for prediction in found] == [number / 100 for number in range(29, 9, -1)]


def test_no_labels_are_no_predictions():
    assert read([]) == []


@pytest.mark.parametrize(
    "label",
    [
        {"name": 7, "score": 0.5},
        {"name": None, "score": 0.5},
        {"name": "", "score": 0.5},
        {"name": "  ", "score": 0.5},
        {"name": "x" * 256, "score": 0.5},
        {"name": "half \ud800 a pair", "score": 0.5},
        {"name": "null \0", "score": 0.5},
        {"score": 0.5},
        {"name": "cat"},
        {"name": "cat", "score": None},
        {"name": "cat", "score": "0.5"},
        {"name": "cat", "score": True},
        {"name": "cat", "score": -0.01},
        {"name": "cat", "score": 1.01},
        {"name": "cat", "score": 10**400},
        {"name": "cat", "score": float("nan")},
        {"name": "cat", "score": float("inf")},
        "cat",
        None,
        [],
    ],
)
def test_a_label_that_is_not_usable_is_left_out_and_alone_it_is_no_answer(label):
    good = {"name": " cat ", "score": 1}
    assert read([label, good]) == [Prediction("cat", 1.0)]
    with pytest.raises(ProtocolViolation, match="The service answered something"):
        read([label])


@pytest.mark.parametrize("labels", [None, {}, "cat", 7, True])
def test_what_is_no_list_is_no_answer(labels):
    with pytest.raises(ProtocolViolation) as caught:
        read(labels)
    assert caught.value.code == "answer_unexpected"


@given(json_values)
def test_whatever_comes_there_are_predictions_or_a_protocol_violation(value):
    try:
        found = read(value)
    except ProtocolViolation:
        return
    assert len(found) <= 20
    assert all(0 <= prediction.confidence <= 1 and prediction.name for prediction in found)


@pytest.mark.parametrize("value", [None, [], "x", 7])
def test_what_is_no_object_is_read_as_an_empty_one(value):
    assert as_mapping(value) == {}
    assert list(mappings_of(value)) == []


def test_objects_are_read():
    assert as_mapping({"a": 1}) == {"a": 1}
    assert list(mappings_of([1, {"a": 1}, None])) == [{"a": 1}]
