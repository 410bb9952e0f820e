"""Static files: what a page loads stays small, and modules find each other."""

import gzip
import re
from pathlib import Path

import flask_bootstrap
import pytest

import autotag

STATIC = Path(autotag.__file__).parent / "static"
TEMPLATES = Path(autotag.__file__).parent / "templates"
BOOTSTRAP = Path(flask_bootstrap.__file__).parent / "static" / "bootstrap5"
BUDGET_BYTES = 100_000
PAGES = sorted(
    str(file.relative_to(TEMPLATES))
    for file in TEMPLATES.rglob("*.html")
    if '{% extends "' in file.read_text() and file.parent.name != "layouts"
)


def static_files(name: str) -> set[Path]:
    """Return what a page loads: through its layouts, its components and the imports of its modules."""
    source = (TEMPLATES / name).read_text()
    found = {
        (BOOTSTRAP if blueprint else STATIC) / path
        for path, blueprint in re.findall(r"static_url\('([^']+)'(?:, '(\w+)')?\)", source)
    }
    for other in re.findall(r"{% (?:extends|include|from) \"([^\"]+)\"", source):
        found |= static_files(other)
    return found.union(*(imported_modules(file) for file in found if file.suffix == ".js"))


def imported_modules(file: Path) -> set[Path]:
    direct = {
        (file.parent / name).resolve() for name in re.findall(r"from \"(\./[^\"]+)\"", file.read_text())
    }
    return direct.union(*(imported_modules(other) for other in direct))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_less_than_a_hundred_kilobytes(page: str) -> None:
    files = [file for file in static_files(page) if file.suffix in (".css", ".js")]
    assert BOOTSTRAP / "css" / "bootstrap.min.css" in files
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < BUDGET_BYTES


def test_every_static_file_is_used() -> None:
    used = set().union(*(static_files(page) for page in PAGES))
    present = {file for file in STATIC.rglob("*") if file.is_file()}
    assert present <= used


def test_colours_stand_in_one_list() -> None:
    for file in STATIC.glob("css/*.css"):
        if file.name != "tokens.css":
            assert not re.search(r"#[0-9a-f]{3,8}\b|\brgba?\(", file.read_text()), file.name


def test_custom_properties_that_are_used_are_declared() -> None:
    sheets = "".join(file.read_text() for file in STATIC.glob("css/*.css"))
    used = set(re.findall(r"var\((--(?!bs-)[\w-]+)", sheets))
    declared = set(re.findall(r"^\s*(--[\w-]+):", sheets, re.MULTILINE))
    assert used <= declared
