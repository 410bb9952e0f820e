"""The colours of tokens.css, computed: text can be read and controls can be seen, in both themes (WCAG 2.2 AA)."""

import re
from pathlib import Path

import pytest

import autotag

STATIC = Path(autotag.__file__).parent / "static"
TOKENS = (STATIC / "css" / "tokens.css").read_text()
PAIRS = dict(re.findall(r"^\s*--([\w-]+): light-dark\((#[0-9a-f]{6}, #[0-9a-f]{6})\);", TOKENS, re.MULTILINE))
THEMES = ("light", "dark")

SURFACES = ("surface", "raised", "sunken", "hover")
TEXTS = ("text", "muted", "accent", "accent-hover", "success", "warning", "danger")
# What is written on what, beside every text on every surface.
ALSO = (
    ("on-accent", "accent"),
    ("on-accent", "accent-hover"),
    ("danger", "danger-surface"),
    ("text", "danger-surface"),
)
NOT_COMPARED = {"line"}
"""Lines between things are decoration; controls have `control-line`."""
TABS = ("#ffffff", "#dee1e6", "#35363a", "#202124")
"""The bars of tabs in light and dark windows."""


def colour(name: str, theme: str) -> str:
    return PAIRS[name].split(", ")[THEMES.index(theme)]


def luminance(written: str) -> float:
    parts = [int(written[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_measure_is_right() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_every_colour_is_compared() -> None:
    compared = {*SURFACES, *TEXTS, "control-line", *(name for pair in ALSO for name in pair)}
    assert set(PAIRS) == compared | NOT_COMPARED


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("text", TEXTS)
def test_every_text_can_be_read_on_every_surface(text: str, surface: str, theme: str) -> None:
    assert contrast(colour(text, theme), colour(surface, theme)) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("text", "surface"), ALSO)
def test_so_can_what_stands_on_a_colour(text: str, surface: str, theme: str) -> None:
    assert contrast(colour(text, theme), colour(surface, theme)) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("line", ["control-line", "accent"])
@pytest.mark.parametrize("surface", ["surface", "raised"])
def test_controls_and_the_focus_can_be_seen(line: str, surface: str, theme: str) -> None:
    assert contrast(colour(line, theme), colour(surface, theme)) >= 3


@pytest.mark.parametrize("tab", TABS)
def test_the_mark_can_be_seen_in_a_light_tab_and_a_dark_one(tab: str) -> None:
    found = re.search(r'fill="(#[0-9a-f]{6})"', (STATIC / "mark.svg").read_text())
    assert found
    assert contrast(found[1], tab) >= 3


def test_motion_ends_for_those_who_asked_for_less() -> None:
    base = (STATIC / "css" / "base.css").read_text()
    rule = re.search(r"@media \(prefers-reduced-motion: reduce\) \{\s*\*[^}]*\}", base)
    assert rule
    assert "animation: none !important" in rule[0]
    assert "transition: none !important" in rule[0]


def test_no_sheet_takes_the_focus_away_without_giving_another_sign() -> None:
    for sheet in sorted(STATIC.glob("css/*.css")):
        for selector in re.findall(r"([^{}]+)\{[^{}]*outline: none", sheet.read_text()):
            name = selector.strip().splitlines()[-1]
            # A card shows the focus of its link itself; `main` is focused by the skip link alone.
            assert re.search(r"main:focus$|-link:focus-visible$", name), f"{sheet.name}: {name}"
