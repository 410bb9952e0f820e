import ast
from pathlib import Path

import pytest

from autotag.blueprints.documents.reason_labels import REASONS, reason_word
from autotag.tagging.document_tags import remove_with_undo
from autotag.tagging.pipeline import decide_outcome, examine, trouble
from autotag.tagging.provider_health.circuit_breaker import waiting_code


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("tagged_by_person", "A person gave it tags"),
        (waiting_code("tensorflow"), "Waiting for TensorFlow"),
        ("quota_exceeded", "Quota exceeded"),
        ("", "No reason was noted"),
    ],
)
def test_a_code_is_said_in_words(code: str, words: str) -> None:
    assert reason_word(code) == words


@pytest.mark.parametrize(
    "code",
    [
        trouble.PROVIDER_ERROR,
        trouble.INTERNAL_ERROR,
        trouble.DATABASE,
        trouble.STORAGE,
        trouble.PROCESS_NOT_STARTED,
        "worker_died",
        "worker_overdue",
    ],
)
def test_every_code_of_trouble_has_words(code: str) -> None:
    assert code in REASONS


@pytest.mark.parametrize("module", [decide_outcome, examine, trouble])
def test_every_code_that_an_outcome_is_given_has_words(module: object) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text())  # type: ignore[attr-defined]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    given = [
        call.args[1].value
        for call in calls
        if ast.unparse(call.func) == "Outcome"
        and len(call.args) > 1
        and isinstance(call.args[1], ast.Constant)
    ]
    assert given
    assert set(given) <= set(REASONS)
    assert remove_with_undo.UNTAGGED in REASONS
