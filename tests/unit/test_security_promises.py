"""SECURITY.md says what is promised and which test proves it: each of them exists."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PROMISES = [
    line
    for line in (REPOSITORY / "SECURITY.md").read_text().split("## What it does not promise")[0].splitlines()
    if line.startswith("- ")
]


def test_there_are_promises() -> None:
    assert len(PROMISES) > 40
    assert len(set(PROMISES)) == len(PROMISES)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: re.sub(r"\W+", "-", promise[2:50]))
def test_a_promise_is_one_line_that_names_tests_which_exist(promise: str) -> None:
    proofs = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", promise)
    assert proofs, "no test is named"
    assert promise.count("`tests/") == len(proofs)
    for path, name in proofs:
        tree = ast.parse((REPOSITORY / path).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, path
