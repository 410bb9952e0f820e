import pytest

from autotag.log_secrets import HIDDEN, hide_secrets


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
        ("http://localhost:8000/documents?page=2", "http://localhost:8000/documents?page=2"),
    ],
)
def test_secrets_within_texts_are_hidden(text: str, left: str) -> None:
    assert hide_secrets(None, "info", {"error": text}) == {"error": left}
