"""Cards, lines and rows: one document as each view shows it, and where its links lead."""

from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from bs4 import BeautifulSoup
from flask import Flask, url_for
from sqlalchemy.orm import Session

from autotag.blueprints.documents.address import MOST_TAGS, View
from autotag.blueprints.documents.cards import Place, render_card
from autotag.media.library.library import WITH_OWNER, DocumentSummary, summaries
from autotag.models import AssignmentSource, Document, TaggingState, VirtualInstance
from tests.unit.conftest import Factory


@pytest.fixture(autouse=True)
def _request(app: Flask) -> Iterator[None]:
    with app.test_request_context("/documents"):
        yield


@pytest.fixture
def summary(session: Session, make: Factory, acme: VirtualInstance) -> Callable[..., DocumentSummary]:
    """Makes a document and returns it as lists have it."""

    def make_summary(*tags: str, **values: object) -> DocumentSummary:
        document: Document = make.document(acme, **({"tagging_state": TaggingState.TAGGED} | values))
        for number, name in enumerate(tags):
            make.tag(document, name, source=AssignmentSource.AUTO, confidence=0.9 - number / 10)
        session.rollback()
        (found,) = summaries(session, acme.id, [document.id], options=WITH_OWNER)
        return found

    return make_summary


def drawn(summary: DocumentSummary, place: Place | None = None) -> BeautifulSoup:
    return BeautifulSoup(render_card(summary, place or Place()), "html.parser")


def asked(address: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(address).query)


@pytest.mark.parametrize(("view", "element"), [(View.CARDS, "li"), (View.LIST, "li"), (View.TABLE, "tr")])
def test_each_view_has_the_title_the_tags_and_what_scripts_look_for(
    summary: Callable[..., DocumentSummary], view: View, element: str
) -> None:
    one = summary("cat", title="<b>Ours</b>")
    card = drawn(one, Place(view, may_edit=True)).find(element)
    assert card is not None
    assert card["data-card"] == str(one.document.id)
    assert card.select_one(".card-link").get_text() == "<b>Ours</b>"  # type: ignore[union-attr]
    assert card.find("b") is None
    assert "cat" in card.get_text()
    assert card.select_one("input.card-check")["value"] == str(one.document.id)  # type: ignore[index]
    assert not card.has_attr("data-pending")


def test_one_that_is_on_its_way_says_so(summary: Callable[..., DocumentSummary]) -> None:
    card = drawn(summary(tagging_state=TaggingState.QUEUED))
    assert card.select_one("[data-pending] .pulse")


def test_a_card_shows_some_tags_and_how_many_more_there_are(summary: Callable[..., DocumentSummary]) -> None:
    text = drawn(summary("cat", "dog", "sofa", "lamp", "door")).get_text(" ")
    assert [name for name in ("cat", "dog", "sofa", "lamp", "door") if name in text] == ["cat", "dog", "sofa"]
    assert "+2" in text


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (TaggingState.FAILED, "The file ends too early."),
        (TaggingState.QUARANTINED, "It stopped the process."),
    ],
)
def test_trouble_stands_on_the_card_beside_the_tags(
    summary: Callable[..., DocumentSummary], state: TaggingState, reason: str
) -> None:
    card = drawn(summary("mine", tagging_state=state, tagging_reason=reason))
    assert reason in card.get_text()
    assert "mine" in card.get_text()


def test_a_file_without_a_picture_shows_its_kind(summary: Callable[..., DocumentSummary]) -> None:
    tile = drawn(summary(file_name="letter.pdf", mime_type="application/pdf"))
    assert tile.find("img") is None
    assert "PDF" in tile.get_text()
    picture = drawn(summary(width=640, height=480, placeholder="UklGRg=="))
    assert len(picture.find_all("img")) == 2


def test_the_picture_on_a_card_is_the_thumbnail_of_its_content(
    summary: Callable[..., DocumentSummary],
) -> None:
    for one in (summary(width=640, height=480), summary(width=64, height=48)):
        picture = drawn(one).select_one("img.picture")
        assert picture is not None
        wanted = url_for("documents.thumbnail", document_id=one.document.id, v=one.document.sha256[:16])
        assert picture["src"] == wanted


def test_links_carry_the_list_on() -> None:
    place = Place(arguments={"q": "beach & sun", "tag": ["Cat"], "order": "name"})
    assert urlsplit(place.address_of(7)).path == "/documents/7"
    assert asked(place.address_of(7)) == {"q": ["beach & sun"], "tag": ["Cat"], "order": ["name"]}
    assert asked(place.tag_address("a+b"))["tag"] == ["Cat", "a+b"]
    # A tag that is looked for already changes nothing, whatever its case.
    assert asked(place.tag_address("CAT")) == asked(place.address_of(7))


def test_a_list_without_anything_has_short_addresses() -> None:
    assert Place().address_of(7) == "/documents/7"
    assert Place().tag_address("cat") == "/documents?tag=cat"


def test_a_list_that_looks_for_as_many_tags_as_may_be_begins_anew_with_another() -> None:
    place = Place(arguments={"tag": [f"tag {number}" for number in range(MOST_TAGS)]})
    assert asked(place.tag_address("one more")) == {"tag": ["one more"]}
