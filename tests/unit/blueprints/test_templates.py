"""Rules for every template, read from the files: a strict content security policy, components, small files."""

import re
import statistics
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader, meta, nodes

import autotag

TEMPLATES = Path(autotag.__file__).parent / "templates"
FILES = sorted(TEMPLATES.rglob("*.html"))
NAMES = [str(file.relative_to(TEMPLATES)) for file in FILES]
environment = Environment(loader=FileSystemLoader(TEMPLATES), extensions=["jinja2.ext.do"], autoescape=True)

FORBIDDEN = {
    "an inline script": r"<script(?![^>]*\bsrc=)[^>]*>",
    "an inline style sheet": r"<style\b",
    "a style attribute": r"\sstyle\s*=",
    "an event attribute": r"\son[a-z]+\s*=\s*[\"']",
    "a javascript address": r"javascript:",
    "a foreign address": r"(?:src|href|action)\s*=\s*[\"'](?:https?:)?//",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", FORBIDDEN)
def test_a_template_has_nothing_that_the_policy_forbids(name: str, what: str) -> None:
    assert not re.search(FORBIDDEN[what], (TEMPLATES / name).read_text(), re.IGNORECASE), f"{name} has {what}"


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_sound_and_small(name: str) -> None:
    source = (TEMPLATES / name).read_text()
    environment.parse(source)
    assert source.count("\n") <= 100


def test_templates_are_small_in_the_middle() -> None:
    assert statistics.median(file.read_text().count("\n") for file in FILES) <= 40


@pytest.mark.parametrize("name", NAMES)
def test_what_a_template_refers_to_exists(name: str) -> None:
    referred = meta.find_referenced_templates(environment.parse((TEMPLATES / name).read_text()))
    for other in referred:
        assert other is not None, f"{name} refers to a template that only the request decides"
        assert (TEMPLATES / other).is_file(), f"{name} refers to {other}"


@pytest.mark.parametrize("name", NAMES)
def test_what_a_template_imports_it_uses(name: str) -> None:
    tree = environment.parse((TEMPLATES / name).read_text())
    imported = {
        entry if isinstance(entry, str) else entry[1]
        for node in tree.find_all(nodes.FromImport)
        for entry in node.names
    }
    used = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "load"}
    assert imported <= used


@pytest.mark.parametrize("name", NAMES)
def test_forms_that_change_something_carry_the_token(name: str) -> None:
    source = (TEMPLATES / name).read_text()
    forms = re.findall(r"<form\b[^>]*method=\"post\".*?</form>", source, re.DOTALL)
    assert all("csrf_token" in form for form in forms)
