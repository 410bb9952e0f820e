"""No regular expression of the product takes longer than in proportion to what it reads.

`re` holds the interpreter's lock while it searches, so an expression that is quadratic in a text that a stranger
sends keeps every other caller waiting.
"""

import ast
import importlib
import importlib.util
import re
import string
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from re import _constants as sre  # type: ignore[attr-defined]  # the standard library's own parser of expressions
from re import _parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

import pytest

from autotag.blueprints.api.tag_names import NAME_PATTERN

ROOT = Path(__file__).resolve().parents[2]
MADE = "compile"
METHODS = ("search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer")
PUBLISHED = {"Regexp": "match"}
"""Validators that take an expression, and how they use it: those of WTForms and of marshmallow."""

SIZES = (500, 16_000)
"""Lengths that are tried. Something cubic shows at the first one, before it takes minutes."""
QUICK_SECONDS = 0.005
"""What is quadratic takes longer than this for 16,000 characters; what is linear takes a tenth of it."""
LINEAR_RATIO = 3.0
"""The most that twice the length may cost: two, and room for noise. Something quadratic costs four times as much."""
CATEGORIES = {
    sre.CATEGORY_DIGIT: "0",
    sre.CATEGORY_SPACE: " ",
    sre.CATEGORY_WORD: "a",
    sre.CATEGORY_NOT_DIGIT: "a",
    sre.CATEGORY_NOT_SPACE: "a",
    sre.CATEGORY_NOT_WORD: "!",
}

Pattern = re.Pattern[Any]
Use = tuple[Pattern, str]


def modules() -> Iterator[tuple[Path, ModuleType]]:
    for path in sorted((ROOT / "autotag").rglob("*.py")):
        if path.stem[0].isdigit():
            spec = importlib.util.spec_from_file_location(f"migration_{path.stem}", path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            yield path, module
        elif path.name not in {"__main__.py", "env.py"}:
            steps = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(steps[:-1] if steps[-1] == "__init__" else steps)
            yield path, importlib.import_module(name)


def value_of(node: ast.expr, module: ModuleType) -> object:
    """What an expression of the module stands for, which holds for constants; names of functions raise NameError."""
    return eval(compile(ast.Expression(node), "<pattern>", "eval"), vars(module).copy())  # noqa: S307


def uses_in(path: Path, module: ModuleType) -> Iterator[Use]:
    """Every expression that the module makes or uses, with the method."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        of_re = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "re"
        if name in PUBLISHED or (of_re and name in (*METHODS, "compile")):
            pattern = value_of(node.args[0], module)
            flags = [keyword.value for keyword in node.keywords if keyword.arg == "flags"]
            if name == "compile" or name in PUBLISHED:
                flags += node.args[1:2]
            elif name not in ("sub", "subn", "split"):
                flags += node.args[2:3]
            assert isinstance(pattern, str | bytes)
            made = re.compile(pattern, value_of(flags[0], module) if flags else 0)  # type: ignore[arg-type]
            yield made, MADE if name == "compile" else PUBLISHED.get(name, name)
        elif isinstance(node.func, ast.Attribute) and name in METHODS:
            yield from used(node.func.value, name, module)


def used(node: ast.expr, method: str, module: ModuleType) -> Iterator[Use]:
    if not isinstance(node, ast.Name | ast.Attribute):
        return
    try:
        found = value_of(node, module)
    except (NameError, AttributeError):
        return
    if isinstance(found, re.Pattern):
        yield found, method


def every_use() -> dict[tuple[object, int], tuple[Pattern, set[str]]]:
    """Every expression, with the methods that are called; one that is only made may be searched with."""
    found: dict[tuple[object, int], tuple[Pattern, set[str]]] = {}
    for path, module in modules():
        for pattern, method in uses_in(path, module):
            found.setdefault((pattern.pattern, pattern.flags), (pattern, set()))[1].add(method)
    return {key: (pattern, methods - {MADE} or {"search"}) for key, (pattern, methods) in found.items()}


def letters_of(node: Any) -> list[str]:
    """Some letters that a class takes: all of a small one, one of each range."""
    letters = []
    for kind, value in node:
        if kind is sre.NEGATE:
            taken = {chr(one) for form, one in node if form is sre.LITERAL}
            return [next(letter for letter in string.printable if letter not in taken)]
        if kind is sre.LITERAL:
            letters.append(chr(value))
        elif kind is sre.RANGE:
            letters.append(chr(value[0]))
        elif kind is sre.CATEGORY:
            letters.append(CATEGORIES[value])
    return letters[:6]


def pieces_of(tree: Any) -> tuple[str, set[str]]:
    """A text that an expression matches, more or less, and the pieces that it consists of."""
    sample, word = "", ""
    pieces: set[str] = set()
    for kind, value in tree:
        inner, found = "", set[str]()
        if kind is sre.LITERAL:
            inner = chr(value)
            word += inner
        else:
            pieces.add(word)
            word = ""
        if kind is sre.IN:
            found = set(letters_of(value))
            inner = letters_of(value)[0]
        elif kind in (sre.ANY, sre.NOT_LITERAL):
            inner = "a"
        elif kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            inner, found = pieces_of(value[2])
            inner *= max(1, min(value[0], 20))
        elif kind is sre.SUBPATTERN:
            inner, found = pieces_of(value[3])
        elif kind is sre.BRANCH:
            for branch in value[1]:
                one, more = pieces_of(branch)
                found |= more | {one}
                inner = inner or one
        elif kind in (sre.ASSERT, sre.ASSERT_NOT):
            found = pieces_of(value[1])[1]
        pieces |= found | {inner}
        sample += inner
    pieces |= {word, sample}
    return sample, {piece for piece in pieces if piece}


def shapes(pattern: Pattern) -> Iterator[partial[Any]]:
    """Makers of texts of any length: repeated pieces, pairs, matches, and matches that fail at their end."""
    sample, pieces = pieces_of(_parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG))
    few = sorted(pieces, key=lambda piece: (len(piece), piece))[:10]
    units = {
        *few,
        sample,
        sample[:-1],
        *(one + other for one in few for other in few),
        "a",
        "0",
        " ",
        "a ",
        "-",
    }
    for unit in sorted(units - {""}):
        for end in ("", "\0", sample[-1:]):
            yield partial(repeated, unit, end, isinstance(pattern.pattern, bytes))


def repeated(unit: str, end: str, as_bytes: bool, size: int) -> str | bytes:
    text = unit * (size // len(unit)) + end
    return text.encode("latin-1", "replace") if as_bytes else text


def seconds_for(call: Callable[[Any], object], text: Any, tries: int = 1) -> float:
    """Processor time of this thread, the least of some tries: what else the machine does is not counted."""
    least = float("inf")
    for _ in range(tries):
        began = time.thread_time()
        call(text)
        least = min(least, time.thread_time() - began)
    return least


def caller(pattern: Pattern, method: str) -> Callable[[Any], object]:
    if method in ("sub", "subn"):
        return partial(getattr(pattern, method), b"" if isinstance(pattern.pattern, bytes) else "")
    if method == "finditer":
        return lambda text: list(pattern.finditer(text))
    return getattr(pattern, method)  # type: ignore[no-any-return]


def too_slow(
    call: Callable[[Any], object], make: Callable[[int], Any], sizes: tuple[int, ...] = SIZES
) -> str:
    """Say at which length twice as much costs more than it should; nothing for what is linear."""
    for size in sizes:
        first = seconds_for(call, make(size))
        if first < QUICK_SECONDS:
            continue
        tries = 1 if first > 1 else 3
        once, twice = (seconds_for(call, make(length), tries) for length in (size // 2, size))
        if twice >= QUICK_SECONDS and twice > LINEAR_RATIO * once:
            return f"{size}: {once * 1000:.1f} ms become {twice * 1000:.1f} ms"
    return ""


@pytest.fixture(scope="module")
def patterns() -> dict[tuple[object, int], tuple[Pattern, set[str]]]:
    return every_use()


def test_the_search_finds_the_expressions(
    patterns: dict[tuple[object, int], tuple[Pattern, set[str]]],
) -> None:
    assert len(patterns) > 50
    found = {pattern.pattern: methods for pattern, methods in patterns.values()}
    assert found[r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"] == {"fullmatch"}
    assert found[rb"\r\ntransfer-encoding:"] == {"search"}
    assert NAME_PATTERN in found


@pytest.mark.parametrize(
    ("pattern", "method", "unit", "end"),
    [
        (r"([?&][^=&\s]*(?:key|token)[^=&\s]*=)[^&\s]+", "search", "?key", ""),
        (r"\s+$", "search", " ", "a"),
        (r"^\s*\d{0,9}\s*$", "match", " ", "a"),
    ],
)
def test_the_measure_tells_what_is_not_linear(pattern: str, method: str, unit: str, end: str) -> None:
    made = re.compile(pattern)
    assert too_slow(caller(made, method), partial(repeated, unit, end, False), sizes=(300, 4_000))


def test_twice_the_text_costs_twice_the_time(
    patterns: dict[tuple[object, int], tuple[Pattern, set[str]]],
) -> None:
    slow = {}
    for pattern, methods in patterns.values():
        for make in shapes(pattern):
            for method in methods:
                if said := too_slow(caller(pattern, method), make):
                    slow[pattern.pattern, method] = f"{make(12)!r}: {said}"
            if any(pattern.pattern == found for found, _ in slow):
                break
    assert slow == {}
