import time
from pathlib import Path

import pytest

from autotag.log_secrets import CUT, HIDDEN, LONGEST_TEXT, LONGEST_TRACEBACK, hide_secrets


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("api_key", "AIza"),
        ("Authorization", "Bearer x"),
        ("password", "p"),
        ("api_token", "t"),
        ("cookie", "c"),
    ],
)
def test_a_value_that_is_called_a_secret_is_hidden(key: str, value: str) -> None:
    assert hide_secrets(None, "info", {key: value}) == {key: HIDDEN}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("GET https://x.test/a?key=AIza123&b=1 failed", "GET https://x.test/a?key=(hidden)&b=1 failed"),
        ("/documents?access_token=abc", "/documents?access_token=(hidden)"),
        ("Authorization: Bearer autotag_abcdefgh", "Authorization: Bearer (hidden)"),
        ("postgresql://eva:pass@db/autotag", "postgresql://eva:(hidden)@db/autotag"),
        ("redis://:pass@broker:6379", "redis://:(hidden)@broker:6379"),
        ("/sign-in?next=/a?key=abc", "/sign-in?next=/a?key=(hidden)"),
        ("/a?a?b?client_secret=abc&x=1", "/a?a?b?client_secret=(hidden)&x=1"),
        ("http://localhost:8000/documents?page=2", "http://localhost:8000/documents?page=2"),
    ],
)
def test_secrets_within_texts_are_hidden(text: str, left: str) -> None:
    assert hide_secrets(None, "info", {"error": text}) == {"error": left}


@pytest.mark.parametrize(
    "text",
    [
        "?key" * 250_000,
        "&token" * 150_000,
        "?" * 1_000_000,
        "bearer " * 140_000,
        "://a:" * 200_000,
        "a" * 1_000_000,
    ],
)
def test_a_text_of_any_length_is_cut_before_it_is_searched(text: str) -> None:
    began = time.thread_time()
    written = hide_secrets(None, "info", {"path": text})["path"]
    assert time.thread_time() - began < 0.05
    assert len(written) < LONGEST_TEXT + 10 * len(CUT)
    assert written.endswith(CUT)


def test_what_a_cut_leaves_of_a_secret_is_hidden() -> None:
    for before in range(LONGEST_TEXT - 40, LONGEST_TEXT):
        for text in ("postgresql://eva:Xyzzy7Xyzzy7Xyzzy7@db/autotag", "?key=Xyzzy7Xyzzy7Xyzzy7Xyzzy7"):
            assert "zzy7" not in hide_secrets(None, "info", {"error": "." * before + text})["error"]


def test_a_traceback_keeps_its_end() -> None:
    frames = "\n".join(f'  File "x.py", line {number}' for number in range(5000))
    written = hide_secrets(None, "error", {"exception": f"{frames}\nValueError: ?key=abc"})["exception"]
    assert written.startswith(f"{CUT}\n  File")
    assert written.endswith("line 4999\nValueError: ?key=(hidden)")
    assert len(written) < LONGEST_TRACEBACK + len(CUT) + 2


def test_whatever_is_not_a_text_is_looked_through_as_well() -> None:
    event = {
        "reason": ValueError("https://x.test/?key=abc"),
        "reasons": ["?token=abc", {"password": "abc", "left": ("Bearer abcdefghijkl", 7)}],
        "path": Path("/a?key=abc"),
        "files": 3,
        "duration": 0.5,
        "missing": None,
        "_record": "?key=abc",
    }
    assert hide_secrets(None, "info", event) == {
        "reason": "https://x.test/?key=(hidden)",
        "reasons": ["?token=(hidden)", {"password": HIDDEN, "left": ["Bearer (hidden)", 7]}],
        "path": "/a?key=(hidden)",
        "files": 3,
        "duration": 0.5,
        "missing": None,
        "_record": "?key=abc",
    }


def test_lists_that_are_long_or_contain_themselves_end() -> None:
    endless: list[object] = []
    endless.append(endless)
    written = hide_secrets(None, "info", {"many": ["x"] * 10_000, "endless": endless})
    assert len(written["many"]) == 100
    assert "[[[" in str(written["endless"])
