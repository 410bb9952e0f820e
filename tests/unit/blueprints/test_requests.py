from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask, Request
from werkzeug.datastructures import MultiDict
from werkzeug.test import EnvironBuilder

from autotag.blueprints.documents.files import download_type
from autotag.blueprints.documents.forms import MAXIMUM_CARDS, requested_ids, sent_files
from autotag.blueprints.documents.uploads import NAMED_REFUSALS, Refusal, refusal_text
from autotag.blueprints.presentation import static_url
from autotag.models import Document


def ids(*values: str) -> list[int]:
    return requested_ids(MultiDict([("id", value) for value in values]))


def test_ids_are_read_once_each_in_their_order() -> None:
    assert ids("3", "1", "3", "2") == [3, 1, 2]


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", "1 OR 1", "\u0663", "9" * 30])
def test_what_is_no_id_is_passed_over(value: str) -> None:
    assert ids(value, "5") == [5]


def test_a_request_names_a_hundred_cards_at_most() -> None:
    assert len(ids(*(str(number) for number in range(500)))) == MAXIMUM_CARDS


def test_a_file_field_left_empty_sends_no_file() -> None:
    data = {"file": [(BytesIO(b"a"), "a.txt"), (BytesIO(b""), "")]}
    with (
        closing(EnvironBuilder(method="POST", data=data)) as builder,
        Request(builder.get_environ()) as request,
    ):
        assert [file.filename for file in sent_files(request)] == ["a.txt"]


def test_each_refused_file_is_named_with_its_reason() -> None:
    text = refusal_text([Refusal("a.exe", "Not allowed."), Refusal("b.png", "The file is empty.")])
    assert text.splitlines() == ["2 files were refused:", "a.exe: Not allowed.", "b.png: The file is empty."]


def test_a_long_list_of_refusals_stays_short_enough_for_a_cookie() -> None:
    text = refusal_text([Refusal("x" * 300, "The file is empty.")] * 50)
    assert text.splitlines()[-1] == f"and {50 - NAMED_REFUSALS} others."
    assert len(text) < 2000


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        ("image/jpeg", "image/jpeg"),
        ("image/svg+xml", "application/octet-stream"),
        ("text/html", "application/octet-stream"),
        ("application/pdf", "application/octet-stream"),
    ],
)
def test_only_plain_pictures_are_sent_as_what_they_are(stored: str, sent: str) -> None:
    assert download_type(Document(mime_type=stored)) == sent


def test_a_static_address_changes_with_the_content(tmp_path: Path) -> None:
    app = Flask(__name__, static_folder=str(tmp_path))
    addresses = []
    for content in ("one", "another"):
        (tmp_path / "a.css").write_text(content)
        with app.app_context():
            addresses.append(static_url("a.css"))
    assert addresses[0] != addresses[1]
    assert addresses[0].rpartition("=")[0] == addresses[1].rpartition("=")[0]
