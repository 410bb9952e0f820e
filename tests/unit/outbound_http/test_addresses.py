import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotag.outbound_http.addresses import check_addresses, kind_refused, read_target, resolve
from autotag.outbound_http.errors import RequestRefused

PUBLIC = (
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
    "2606:4700::1111",
    "2a00:1450::1",
)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_admitted(address):
    assert kind_refused(address) is None


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("0.0.0.0", "unspecified"),  # noqa: S104 - bound by nobody
        ("0.1.2.3", "unspecified"),
        ("10.0.0.1", "private"),
        ("100.64.0.1", "shared"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("169.254.169.254", "link-local"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.0.0.8", "reserved"),
        ("192.0.2.1", "documentation"),
        ("192.88.99.1", "reserved"),
        ("192.168.1.1", "private"),
        ("198.18.0.1", "benchmarks"),
        ("198.51.100.1", "documentation"),
        ("203.0.113.1", "documentation"),
        ("224.0.0.1", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fec0::1", "reserved"),
        ("fc00::1", "private"),
        ("fd00:ec2::254", "private"),
        ("ff02::1", "multicast"),
        ("2001:db8::1", "documentation"),
        ("3fff::1", "documentation"),
        ("2001:2::1", "reserved"),
        ("100::1", "reserved"),
        ("4000::1", "reserved"),
        ("::7f00:1", "reserved"),
        ("64:ff9b:1::1", "reserved"),
        ("no address", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_an_address_that_is_not_public_is_refused_with_its_kind(address, kind):
    assert kind in kind_refused(address)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:8.8.8.8", None),
        ("64:ff9b::10.0.0.1", "private"),
        ("64:ff9b::8.8.8.8", None),
        ("2002:7f00:1::1", "loopback"),
        ("2002:808:808::1", None),
        ("2001:0:808:808::f5ff:fffe", "private"),  # Teredo: the client 10.0.0.1, inverted
        ("2001:0:7f00:1::f7f7:f7f7", "loopback"),  # Teredo: the server 127.0.0.1
        ("2001:0:808:808::f7f7:f7f7", None),
    ],
)
def test_an_address_that_stands_for_an_ipv4_address_is_judged_by_that(address, kind):
    found = kind_refused(address)
    assert (kind in found) if kind else found is None


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_is_admitted(address):
    if kind_refused(str(address)) is None and not getattr(address, "ipv4_mapped", None):
        embeds = address.version == 6 and (
            address.sixtofour or address.teredo or str(address).startswith("64:")
        )
        assert embeds or (address.is_global and not address.is_multicast)


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://vision.googleapis.com", "https://vision.googleapis.com/"),
        (
            "https://VISION.googleapis.com.:443/v1/images:annotate",
            "https://vision.googleapis.com/v1/images:annotate",
        ),
        ("https://8.8.8.8/a?b=c&d=e", "https://8.8.8.8/a?b=c&d=e"),
        ("https://[2606:4700:0:0::1111]/", "https://[2606:4700::1111]/"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://my_gateway.example/", "https://my_gateway.example/"),
    ],
)
def test_a_public_address_over_https_is_written_in_one_way(url, written):
    assert read_target(url, ()).url == written


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://169.254.169.254/", "only https"),
        ("http://localhost:6379/", "only https"),
        ("http://vision.googleapis.com/", "only https"),
        ("https://localhost:6379/", "port 6379"),
        ("https://vision.googleapis.com:80/", "port 80"),
        ("https://vision.googleapis.com:8443/", "port 8443"),
        ("https://2130706433/", "unusual spelling"),
        ("https://0x7f000001/", "unusual spelling"),
        ("https://0x7f.1/", "unusual spelling"),
        ("https://0177.0.0.1/", "unusual spelling"),
        ("https://127.1/", "unusual spelling"),
        ("https://1.2.3.4.5/", "unusual spelling"),
        ("https://host.256/", "unusual spelling"),
        ("https://host.0x/", "unusual spelling"),
        ("https://user@host.example/", "user name"),
        ("https://user:secret@host.example/", "user name"),
        ("https://@host.example/", "user name"),
        ("https://host.example/#part", "fragment"),
        ("https://host.example/#", "fragment"),
        ("https://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example/", "ASCII"),
        ("https://\N{FULLWIDTH LATIN SMALL LETTER L}ocalhost/", "ASCII"),
        ("https://127\N{IDEOGRAPHIC FULL STOP}0.0.1/", "ASCII"),
        ("https://host.example\\@127.0.0.1/", "characters"),
        ("https://host.example\t/", "characters"),
        (" https://host.example/", "characters"),
        ("https://host.example/a b", "characters"),
        ("https://host.example/\r\nX: y", "characters"),
        ("https://" + "a" * 3000, "characters"),
        ("https://%31%32%37.0.0.1/", "host name"),
        ("https://-host.example/", "host name"),
        ("https://host..example/", "host name"),
        ("https://" + "a" * 64 + ".example/", "host name"),
        ("https://" + ".".join(["a" * 60] * 5), "host name"),
        ("https://[::1/", "cannot be read"),
        ("https://host.example:99999/", "cannot be read"),
        ("https://host.example:a/", "cannot be read"),
        ("https://[fe80::1%25eth0]/", "IPv6"),
        ("https://[v1.a]/", "IPv6"),
        ("https:///path", "must begin"),
        ("https:host.example", "must begin"),
        ("//host.example/", "must begin"),
        ("ftp://host.example/", "must begin"),
        ("file:///etc/passwd", "must begin"),
        ("gopher://host.example/", "must begin"),
        ("", "characters"),
    ],
)
def test_an_inadmissible_address_is_refused_with_the_reason(url, reason):
    with pytest.raises(RequestRefused, match=reason) as caught:
        read_target(url, ())
    assert caught.value.code == "address_refused"
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://gateway:8080/vision", {"gateway"}),
        ("http://gateway:8080/vision", {"gateway:8080"}),
        ("http://GATEWAY/", {"gateway:80"}),
        ("https://gateway/", {"gateway:443"}),
        ("http://127.0.0.1:9000/", {"127.0.0.1:9000"}),
        ("http://[::1]:9000/", {"[::1]:9000"}),
        ("http://[::1]:9000/", {"::1"}),
        ("https://gateway:1/", {"gateway"}),
    ],
)
def test_a_host_that_the_operator_allows_may_be_plain_private_and_on_any_port(url, allowed):
    target = read_target(url, allowed)
    assert target.may_be_private
    check_addresses(target, ["127.0.0.1", "fe80::1"])


@pytest.mark.parametrize("allowed", [{"gateway:8080"}, {"other"}, {"way"}, {"http://gateway"}])
def test_a_host_that_is_not_quite_the_allowed_one_is_refused(allowed):
    with pytest.raises(RequestRefused):
        read_target("http://gateway:9090/", allowed)


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["2606:4700::1", "::1"]])
def test_one_address_that_is_not_public_refuses_the_host_without_being_named(addresses):
    target = read_target("https://rebinding.example/", ())
    with pytest.raises(
        RequestRefused, match=r"The host rebinding\.example is refused: it leads to a "
    ) as caught:
        check_addresses(target, addresses)
    assert addresses[-1] not in caught.value.message
    assert "it leads to a " in caught.value.message


def test_a_name_is_resolved_by_the_system():
    assert {"127.0.0.1", "::1"} >= set(resolve("localhost", 443)) != set()
