import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotag.instances.hosts import MalformedHost, RequestedHost, parse_host

BASE = "example.test"


@pytest.mark.parametrize(
    ("header", "name", "label"),
    [
        ("example.test", "example.test", ""),
        ("EXAMPLE.Test", "example.test", ""),
        ("example.test:8000", "example.test", ""),
        ("example.test.", "example.test", ""),
        ("example.test.:8000", "example.test", ""),
        (" example.test ", "example.test", ""),
        ("acme.example.test", "acme.example.test", "acme"),
        ("AcMe.example.test:80", "acme.example.test", "acme"),
        ("a-b-1.example.test", "a-b-1.example.test", "a-b-1"),
        ("xn--bcher-kva.example.test", "xn--bcher-kva.example.test", "xn--bcher-kva"),
        ("deep.acme.example.test", "deep.acme.example.test", "deep.acme"),
        ("evilexample.test", "evilexample.test", None),
        ("example.test.evil.net", "example.test.evil.net", None),
        ("example.testing", "example.testing", None),
        ("test", "test", None),
        ("photos.acme.net", "photos.acme.net", None),
        ("127.0.0.1", "127.0.0.1", None),
        ("127.0.0.1:8000", "127.0.0.1", None),
        ("[::1]", "::1", None),
        ("[::1]:8000", "::1", None),
        ("[2001:DB8::7]:8000", "2001:db8::7", None),
        (f"{'a' * 63}.example.test", f"{'a' * 63}.example.test", "a" * 63),
    ],
)
def test_a_host_is_read(header: str, name: str, label: str | None) -> None:
    assert parse_host(header, BASE) == RequestedHost(name, label)


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        ".",
        ":8000",
        "..example.test",
        "acme..example.test",
        ".example.test",
        "example.test..",
        "-acme.example.test",
        "acme-.example.test",
        "ac_me.example.test",
        "acme example.test",
        "acme/example.test",
        "user@example.test",
        "example.test:",
        "example.test:port",
        "example.test:123456",
        "example.test:80:90",
        "b\u00fccher.example.test",
        "\u212aelvin.example.test",  # the Kelvin sign, which is a k in lower case
        "example.test\x00",
        "example.test\r\nX-Evil: 1",
        "::1",
        "[::1",
        "[]",
        "[acme]",
        "[::1]evil",
        "[::1]:port",
        f"{'a' * 64}.example.test",
        ".".join(["a" * 60] * 5),
    ],
)
def test_what_is_no_host_name_is_refused(header: str) -> None:
    with pytest.raises(MalformedHost) as caught:
        parse_host(header, BASE)
    assert caught.value.host == header


def test_the_base_domain_is_compared_whatever_its_case() -> None:
    assert parse_host("acme.example.test", "Example.TEST").label == "acme"


@given(st.text(max_size=40))
def test_any_header_is_read_or_refused(header: str) -> None:
    try:
        host = parse_host(header, BASE)
    except MalformedHost:
        return
    assert host.name == host.name.lower()
    assert host.label is None or host.name.endswith(BASE)
