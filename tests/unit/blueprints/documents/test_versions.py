"""New versions of a file, old ones back, and their bytes."""

import io
from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.models import Document, DocumentVersion, Role, TaggingState, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from tests.unit.blueprints.conftest import Browser, said
from tests.unit.conftest import Factory

Open = Callable[..., Browser]


@pytest.fixture
def editor(browser: Open, acme: VirtualInstance, default_instance: object) -> Browser:
    return browser(acme, Role.EDITOR)


@pytest.fixture
def document(
    make: Factory, session: Session, acme: VirtualInstance, keep: Callable[[bytes], str]
) -> Document:
    sha256 = keep(b"first")
    document = make.document(
        acme, sha256=sha256, file_name="first.txt", tagging_state=TaggingState.TAGGED, width=1, height=1
    )
    with unit_of_work(session) as work:
        work.session.add(
            DocumentVersion(
                instance_id=acme.id,
                document_id=document.id,
                number=1,
                file_name="first.txt",
                sha256=sha256,
                mime_type="text/plain",
                size=5,
            )
        )
    return document


def send(editor: Browser, document: Document, content: bytes, name: str = "second.txt") -> tuple[int, str]:
    sent = {"file": (io.BytesIO(content), name)}
    answer = editor.post(f"/documents/{document.id}/versions?order=name", sent)
    return answer.status_code, said(editor.page(f"/documents/{document.id}"))


def current(session: Session, document: Document) -> Document:
    session.rollback()
    session.expire_all()
    return session.scalars(select(Document).where(Document.id == document.id)).one()


def test_an_uploaded_version_is_in_force_and_waits_for_its_pictures(
    session: Session, editor: Browser, document: Document
) -> None:
    status, page = send(editor, document, b"second")
    assert status == 303
    assert "Version 2 is uploaded." in page
    assert "Version 2 Current second.txt" in page
    now = current(session, document)
    assert (now.file_name, now.size, now.width, now.tagging_state) == (
        "second.txt",
        6,
        None,
        TaggingState.QUEUED,
    )
    # The broker is away, so it is left to reconcile.
    assert now.tagging_enqueued_at is None


@pytest.mark.parametrize(
    ("content", "reason"), [(b"first", "same content as the current version"), (b"", "The file is empty.")]
)
def test_what_changes_nothing_or_cannot_be_stored_says_so(
    session: Session, editor: Browser, document: Document, content: bytes, reason: str
) -> None:
    status, page = send(editor, document, content)
    assert status == 303
    assert reason in page
    assert current(session, document).version_number == 1


def test_a_script_gets_the_address_or_the_reason(editor: Browser, document: Document) -> None:
    editor.post("/documents/0/untag")
    for content, status in ((b"third", 201), (b"third", 422)):
        answer = editor.client.post(
            f"/documents/{document.id}/versions?q=cat",
            data={"csrf_token": editor._token, "file": (io.BytesIO(content), "third.txt")},
            headers={"Accept": "application/json"},
            base_url=f"http://{editor.host}/",
        )
        assert answer.status_code == status
        assert answer.json is not None
    assert answer.json["code"] == "same_content"


def test_no_file_at_all_is_told(editor: Browser, document: Document) -> None:
    assert editor.post(f"/documents/{document.id}/versions").status_code == 303
    assert "Choose one file." in said(editor.page(f"/documents/{document.id}"))


def test_an_old_version_is_downloaded_and_restored(
    session: Session, editor: Browser, document: Document
) -> None:
    send(editor, document, b"second")
    with editor.get(f"/documents/{document.id}/versions/1/content") as old:
        assert (old.status_code, old.data) == (200, b"first")
        assert "attachment" in old.headers["Content-Disposition"]
        assert "first.txt" in old.headers["Content-Disposition"]
    assert editor.post(f"/documents/{document.id}/versions/1/restore").status_code == 303
    page = said(editor.page(f"/documents/{document.id}"))
    assert "Version 1 is restored." in page
    assert "Version 3 Current first.txt" in page
    assert current(session, document).tagging_state is TaggingState.QUEUED
    editor.post(f"/documents/{document.id}/versions/1/restore")
    assert "Nothing was changed." in said(editor.page(f"/documents/{document.id}"))


def test_a_version_that_never_was_or_whose_file_is_gone_is_not_found(
    session: Session, editor: Browser, document: Document, acme: VirtualInstance
) -> None:
    with unit_of_work(session) as work:
        work.session.add(
            DocumentVersion(
                instance_id=acme.id,
                document_id=document.id,
                number=7,
                file_name="lost",
                sha256="f" * 64,
                mime_type="text/plain",
                size=1,
            )
        )
    for number in (5, 7):
        assert editor.get(f"/documents/{document.id}/versions/{number}/content").status_code == 404
        assert editor.post(f"/documents/{document.id}/versions/{number}/restore").status_code == 404


def test_a_viewer_downloads_but_does_not_restore(
    browser: Open, acme: VirtualInstance, editor: Browser, document: Document
) -> None:
    viewer = browser(acme, Role.VIEWER)
    with viewer.get(f"/documents/{document.id}/versions/1/content") as answer:
        assert answer.status_code == 200
    assert viewer.post(f"/documents/{document.id}/versions/1/restore").status_code == 403
