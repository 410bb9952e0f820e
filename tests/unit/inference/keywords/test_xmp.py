import pytest

from autotag.inference.keywords.xmp import DC, RDF, read_subjects, with_subjects

OTHER_PREFIXES = f"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<r:RDF xmlns:r="{RDF}"><r:Description r:about="" xmlns:d="{DC}" xmlns:dc="http://example.com/other#" dc:kept="yes">
<d:subject><r:Bag><r:li>one</r:li><r:li><![CDATA[a < b]]></r:li></r:Bag></d:subject><d:format>image/png</d:format>
</r:Description></r:RDF><?xpacket end="w"?>""".encode()


def test_prefixes_do_not_matter() -> None:
    assert read_subjects(OTHER_PREFIXES) == ["one", "a < b"]
    written = with_subjects(OTHER_PREFIXES, ["two"])
    assert read_subjects(written) == ["two"]
    assert b'dc:kept="yes"' in written
    assert b"<d:format>image/png</d:format>" in written


def test_a_subject_as_an_attribute_is_read_and_replaced() -> None:
    packet = (
        f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description xmlns:dc="{DC}" dc:subject="one"/></rdf:RDF>'.encode()
    )
    assert read_subjects(packet) == ["one"]
    assert read_subjects(with_subjects(packet, ["two"])) == ["two"]


def test_a_packet_without_a_description_gets_one() -> None:
    packet = f'<rdf:RDF xmlns:rdf="{RDF}"></rdf:RDF>'.encode()
    assert read_subjects(with_subjects(packet, ["two"])) == ["two"]


@pytest.mark.parametrize(
    "packet",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>',
        '<?xml version="1.0" encoding="utf-16"?><x/>'.encode("utf-16"),
    ],
)
def test_what_could_explode_or_is_in_another_encoding_is_refused(packet: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_subjects(packet)
    assert read_subjects(with_subjects(packet, ["two"])) == ["two"]


def test_padding_and_nothing_are_no_fault() -> None:
    written = with_subjects(None, [])
    assert read_subjects(written + b"\x00" * 100) == []
    assert read_subjects(with_subjects(b"<broken", ["two"])) == ["two"]
