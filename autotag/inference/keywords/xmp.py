"""Keywords in an XMP packet (ISO 16684-1): the bag `dc:subject`."""

from __future__ import annotations

from collections.abc import Sequence
from xml.dom.minidom import Document, Element, Node, parseString
from xml.parsers.expat import ExpatError

DC = "http://purl.org/dc/elements/1.1/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
META = "adobe:ns:meta/"
BEGIN = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
END = b'\n<?xpacket end="w"?>'
EMPTY = f'<x:xmpmeta xmlns:x="{META}"><rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about=""/></rdf:RDF></x:xmpmeta>'


def read_subjects(packet: bytes) -> list[str]:
    """The subjects of a packet. Raises ExpatError or ValueError for one that cannot be read."""
    document = _parsed(packet)
    found = []
    for subject in document.getElementsByTagNameNS(DC, "subject"):
        found += [_text(item) for item in subject.getElementsByTagNameNS(RDF, "li")]
    for description in document.getElementsByTagNameNS(RDF, "Description"):
        if description.hasAttributeNS(DC, "subject"):
            found.append(description.getAttributeNS(DC, "subject"))
    return found


def with_subjects(packet: bytes | None, subjects: Sequence[str]) -> bytes:
    """The packet with just these subjects and whatever else it says; a new one for one that cannot be read."""
    document = None
    if packet is not None:
        try:
            document = _parsed(packet)
        except (ExpatError, ValueError):
            document = None
    if document is None or not document.getElementsByTagNameNS(RDF, "RDF"):
        document = parseString(EMPTY)  # noqa: S318 - our own text
    _remove_subjects(document)
    if subjects:
        _description(document).appendChild(_bag(document, subjects))
    root = document.documentElement
    assert root is not None  # noqa: S101 - for the type checker: it was parsed
    return BEGIN + root.toxml().encode() + END


def _parsed(packet: bytes) -> Document:
    text = packet.strip(b"\x00 \r\n\t").decode("utf-8-sig")
    # A packet has no use for either, and entities are how small texts become huge.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("a packet with a document type")
    return parseString(text.encode())  # noqa: S318 - without a document type, in a confined process


def _text(element: Element) -> str:
    return "".join(
        node.data for node in element.childNodes if node.nodeType in (Node.TEXT_NODE, Node.CDATA_SECTION_NODE)
    )


def _remove_subjects(document: Document) -> None:
    for subject in list(document.getElementsByTagNameNS(DC, "subject")):
        if subject.parentNode is not None:
            subject.parentNode.removeChild(subject)
    for description in document.getElementsByTagNameNS(RDF, "Description"):
        if description.hasAttributeNS(DC, "subject"):
            description.removeAttributeNS(DC, "subject")


def _description(document: Document) -> Element:
    """The first description, made when there is none."""
    rdf = document.getElementsByTagNameNS(RDF, "RDF")[0]
    for node in rdf.childNodes:
        if isinstance(node, Element) and (node.namespaceURI, node.localName) == (RDF, "Description"):
            return node
    made = document.createElementNS(RDF, "rdf:Description")
    made.setAttribute("xmlns:rdf", RDF)
    made.setAttribute("rdf:about", "")
    rdf.appendChild(made)
    return made


def _bag(document: Document, subjects: Sequence[str]) -> Element:
    # With its namespaces on itself: the packet may call them otherwise.
    subject = document.createElementNS(DC, "dc:subject")
    subject.setAttribute("xmlns:dc", DC)
    bag = document.createElementNS(RDF, "rdf:Bag")
    bag.setAttribute("xmlns:rdf", RDF)
    subject.appendChild(bag)
    for text in subjects:
        item = document.createElementNS(RDF, "rdf:li")
        item.appendChild(document.createTextNode(text))
        bag.appendChild(item)
    return subject
