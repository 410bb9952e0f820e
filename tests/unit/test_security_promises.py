"""SECURITY.md names the test that proves each promise; this holds it to tests that exist."""

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`")
REQUIREMENT = re.compile(r"\(ASVS (\d+\.\d+\.\d+(?:, \d+\.\d+\.\d+)*)\)\n  `tests/")
"""Where the sentence ends, before the first test."""
ASVS_CHAPTERS = 17
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


def test_requirements_of_asvs_are_numbers_of_its_form_at_the_end_of_a_promise() -> None:
    """What they say cannot be checked here: the standard is no part of the product."""
    numbered = [promise for promise in promises() if "ASVS" in promise]
    assert len(numbered) > 30
    for promise in numbered:
        found = REQUIREMENT.findall(promise)
        assert len(found) == promise.count("ASVS") == 1, promise
        numbers = [tuple(map(int, number.split("."))) for number in found[0].split(", ")]
        assert numbers == sorted(set(numbers)), promise
        assert all(1 <= chapter <= ASVS_CHAPTERS and section and item for chapter, section, item in numbers)


def test_what_is_not_promised_answers_no_requirement() -> None:
    assert "ASVS" not in (REPOSITORY / "SECURITY.md").read_text().partition(NOT_PROMISED)[2]
