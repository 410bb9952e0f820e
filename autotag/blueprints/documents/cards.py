"""Documents as a list shows them: what a card, a line or a row of the table needs besides its document."""

from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlencode

from flask import get_template_attribute, url_for
from flask_login import current_user

from autotag.blueprints.documents.address import MOST_TAGS, Arguments, View, pairs
from autotag.media.library.library import DocumentSummary
from autotag.models import Role
from autotag.models.names import fold

MACROS = {
    View.CARDS: ("components/document_card.html", "document_card"),
    View.LIST: ("components/document_rows.html", "document_line"),
    View.TABLE: ("components/document_rows.html", "document_row"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """The list in which documents are shown: how, for whom, and the arguments that their links carry on.

    One address of each kind is built here, and those of the documents and tags from it: building sixty of each takes
    longer than finding the documents.
    """

    view: View = View.CARDS
    may_edit: bool = False
    arguments: Arguments = field(default_factory=dict)
    _root: str = field(init=False)
    _tail: str = field(init=False)
    _tagged: str = field(init=False)
    _looked_for: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Build the addresses."""
        query = urlencode(pairs(self.arguments))
        tags = self.arguments.get("tag", [])
        # A list that looks for as many tags as may be begins anew with the one that is chosen.
        kept = query if len(tags) < MOST_TAGS else ""
        object.__setattr__(self, "_root", url_for("documents.index"))
        object.__setattr__(self, "_tail", f"?{query}" if query else "")
        object.__setattr__(self, "_tagged", f"{self._root}?{kept}{'&' if kept else ''}")
        object.__setattr__(self, "_looked_for", frozenset(fold(tag) for tag in tags))

    def address_of(self, document_id: int) -> str:
        """Return the address of a document's page, which leads through this list."""
        return f"{self._root}/{document_id}{self._tail}"

    def tag_address(self, name: str) -> str:
        """Return the address of this list narrowed to a tag."""
        if fold(name) in self._looked_for:
            return f"{self._root}{self._tail}"
        return f"{self._tagged}tag={quote_plus(name)}"


def render_card(summary: DocumentSummary, place: Place | None = None) -> str:
    """Render one document the way the list does."""
    place = place or Place(may_edit=current_user.may(Role.EDITOR))
    return str(get_template_attribute(*MACROS[place.view])(summary, place)).strip()
