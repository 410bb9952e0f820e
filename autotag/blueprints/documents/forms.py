"""What requests about documents carry: which cards are asked for, which files were sent and with which wishes."""

from flask import Request
from werkzeug.datastructures import FileStorage, MultiDict
from wtforms import HiddenField, StringField, TextAreaField

from autotag.blueprints.forms import RefusableForm
from autotag.blueprints.numbers import read_number, read_numbers
from autotag.media.errors import FolderNotFound
from autotag.tagging.tags.names import clean_names
from autotag.tagging.uploads.upload import UploadWishes

MAXIMUM_CARDS = 100
LONGEST_PATH = 8000
"""More than twenty folders with the longest names need: what is cut off is refused as too deep."""


def requested_ids(arguments: MultiDict[str, str]) -> list[int]:
    """Read the `id` arguments of a query: numbers only, the first hundred, each once."""
    return read_numbers(arguments.getlist("id"), MAXIMUM_CARDS)


def sent_files(request: Request) -> list[FileStorage]:
    """Return the files of an upload; a file field that was left empty sends one without a name."""
    return [file for file in request.files.getlist("file") if file.filename]


class TextsForm(RefusableForm):
    """Title and description of a document, in the edition that the person has read."""

    title = StringField("Title")
    description = TextAreaField("Description")
    edition = HiddenField()


def upload_wishes(form: MultiDict[str, str]) -> UploadWishes:
    """Read the fields beside the files. Tags stand in one field, separated by commas, or in several.

    Raises FolderNotFound for what can be no folder, and TaggingRefused for a name that cannot be a tag.
    """
    folder = form.get("folder_id", "")
    folder_id = read_number(folder)
    if folder and folder_id is None:
        raise FolderNotFound(0)
    names = [name for field in form.getlist("tags") for name in field.split(",") if name.strip()]
    return UploadWishes(
        folder_id,
        tuple(clean_names(names)),
        form.get("path", "")[:LONGEST_PATH],
        bool(form.get("again")),
    )
