import json

import pytest

from autotag.control_characters import escape_control_characters, has_control_characters

CONTROLS = [
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff",
    "\ud800",
    "\udfff",
    "\U000e0041",
]


@pytest.mark.parametrize("character", CONTROLS, ids=lambda character: f"U+{ord(character):04X}")
def test_each_is_escaped_as_json_would_so_that_it_can_be_read_back(character: str) -> None:
    assert has_control_characters(f"a{character}b")
    escaped = escape_control_characters(f"a{character}b")
    assert escaped.isascii()
    assert escaped.isprintable()
    assert json.loads(f'"{escaped}"') == f"a{character}b"


@pytest.mark.parametrize(
    "text",
    ["", "plain", "Grüße 東京 مرحبا", "\u0645\u06cc\u200c\u062e\u0645", "\U0001f469\u200d\U0001f52c", "a\\b"],
)
def test_text_of_any_language_stays(text: str) -> None:
    assert not has_control_characters(text)
    assert escape_control_characters(text) == text


def test_a_text_of_several_lines_keeps_them_when_asked() -> None:
    assert escape_control_characters("a\n\tb\r\x1b", keep_layout=True) == "a\n\tb\\u000d\\u001b"
    assert escape_control_characters("a\n\tb") == "a\\u000a\\u0009b"
