"""Title and description of one document."""

from flask import g, redirect
from flask.typing import ResponseReturnValue

from autotag.blueprints.access import requires
from autotag.blueprints.documents import ONE_DOCUMENT, blueprint
from autotag.blueprints.documents.forms import TextsForm
from autotag.blueprints.documents.page import Refused, address_of, render_page
from autotag.extensions import db
from autotag.media.library.editing import ChangedMeanwhile, TextsRefused, edit_texts, edition_of
from autotag.media.library.library import load_document, load_summary
from autotag.models import Role
from autotag.models.unit_of_work import unit_of_work


@blueprint.post(f"{ONE_DOCUMENT}/edit")
@requires(Role.EDITOR)
def edit(document_id: int) -> ResponseReturnValue:
    """Save title and description; whoever saves over somebody else's words is told first."""
    load_document(db.session(), g.instance.id, document_id)
    form = TextsForm()
    typed = {name: form[name].data or "" for name in ("title", "description", "edition")}
    try:
        with unit_of_work(db.session()) as work:
            edit_texts(work, g.instance.id, document_id, **typed)
    except TextsRefused as error:
        form.refuse(error.reasons)
        return refused(document_id, Refused(texts=form))
    except ChangedMeanwhile as error:
        # Saving once more replaces what was just shown.
        form.edition.data = edition_of(error.document)
        return refused(document_id, Refused(texts=form, theirs=error.document))
    return redirect(address_of(document_id), 303)


def refused(document_id: int, refused: Refused) -> ResponseReturnValue:
    """Show the page again with what was typed."""
    return render_page(load_summary(db.session(), g.instance.id, document_id), refused), 422
