"""SECURITY.md names the test that proves each promise; this holds it to tests that exist."""

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`")
NOT_PROMISED = "## Not promised"


def promises() -> list[str]:
    """The items of the page, but for those under the last heading."""
    text = (REPOSITORY / "SECURITY.md").read_text().partition(NOT_PROMISED)[0]
    return [item.partition("\n\n")[0] for item in text.split("\n- ")[1:]]


def names_of(path: str) -> set[str]:
    tree = ast.parse((REPOSITORY / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_promise_names_a_test() -> None:
    assert len(promises()) > 30
    assert [promise for promise in promises() if not NAMED.search(promise)] == []


def test_every_named_test_exists() -> None:
    named = NAMED.findall((REPOSITORY / "SECURITY.md").read_text())
    assert len(named) > 40
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (REPOSITORY / path).is_file() or (name and name not in names_of(path))
    ]
    assert missing == []
