"""Downloads with tags written: a copy with the tags, the original untouched, and a word where it cannot be."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from autotag.inference.keywords import read_keywords
from autotag.media.storage.storage import FolderStorage, original_key
from autotag.models import AssignmentSource, Document, Role, VirtualInstance
from tests.unit.blueprints.conftest import Browser, said
from tests.unit.conftest import Factory

Open = Callable[..., Browser]
Keep = Callable[[bytes], str]


@pytest.fixture
def viewer(browser: Open, default_instance: VirtualInstance, acme: VirtualInstance) -> Browser:
    return browser(acme, Role.VIEWER)


@pytest.fixture
def picture() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(content, "JPEG")
    return content.getvalue()


@pytest.fixture
def document(make: Factory, keep: Keep, picture: bytes, acme: VirtualInstance) -> Document:
    made = make.document(
        acme, sha256=keep(picture), mime_type="image/jpeg", file_name="Größe.jpg", size=len(picture)
    )
    make.tag(made, "beach", source=AssignmentSource.FILE)
    make.tag(made, "cat", source=AssignmentSource.AUTO, confidence=0.9)
    return made


def keywords_of(content: bytes, tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "downloaded"
    path.write_bytes(content)
    return read_keywords(path)


def test_the_page_offers_the_copy_and_says_what_came_from_the_file(
    viewer: Browser, document: Document
) -> None:
    page = viewer.page(f"/documents/{document.id}")
    link = page.find("a", href=f"/documents/{document.id}/content-with-tags")
    assert link is not None
    assert link.get_text(strip=True) == "Download with tags written"
    chip = page.find("li", title="from the file")
    assert chip is not None
    assert "beach" in chip.get_text()


def test_the_copy_has_the_tags_and_the_name_and_the_original_stays(
    viewer: Browser, document: Document, picture: bytes, storage: FolderStorage, tmp_path: Path
) -> None:
    answer = viewer.get(f"/documents/{document.id}/content-with-tags")
    assert answer.status_code == 200
    assert keywords_of(answer.data, tmp_path) == ("beach", "cat")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.content_length == len(answer.data)
    assert "filename*=UTF-8''Gr%C3%B6%C3%9Fe.jpg" in answer.headers["Content-Disposition"]
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert storage.local_path(original_key(document.sha256)).read_bytes() == picture
    assert list((storage.root / "incoming").iterdir()) == []
    answer.close()


def test_a_file_that_takes_none_is_told_on_its_page_and_to_programs(
    viewer: Browser, make: Factory, keep: Keep, acme: VirtualInstance
) -> None:
    made = make.document(acme, sha256=keep(b"not a picture"), mime_type="image/jpeg")
    path = f"/documents/{made.id}/content-with-tags"
    answer = viewer.get(path)
    assert (answer.status_code, answer.location) == (303, f"/documents/{made.id}")
    assert "Download the file as it is instead." in said(viewer.page(f"/documents/{made.id}"))
    program = viewer.client.get(
        path, base_url=f"http://{viewer.host}/", headers={"Accept": "application/json"}
    )
    assert program.json is not None
    assert (program.status_code, program.json["code"]) == (422, "tags_not_written")


def test_other_types_and_missing_files_are_not_offered(
    viewer: Browser, make: Factory, acme: VirtualInstance
) -> None:
    made = make.document(acme, mime_type="text/plain")
    assert "content-with-tags" not in viewer.get(f"/documents/{made.id}").text
    assert viewer.get(f"/documents/{made.id}/content-with-tags").status_code == 404


def test_a_selection_is_downloaded_with_tags(
    viewer: Browser, document: Document, make: Factory, keep: Keep, acme: VirtualInstance, tmp_path: Path
) -> None:
    letter = make.document(acme, sha256=keep(b"a letter"), mime_type="text/plain", file_name="letter.txt")
    answer = viewer.post(
        "/documents/bulk/download", {"id": [str(document.id), str(letter.id)], "with_tags": "1"}
    )
    assert answer.status_code == 303
    archive = viewer.get(str(answer.location))
    with zipfile.ZipFile(io.BytesIO(archive.data)) as opened:
        assert keywords_of(opened.read("Größe.jpg"), tmp_path) == ("beach", "cat")
        assert opened.read("letter.txt") == b"a letter"
    plain = viewer.get(str(answer.location).replace("with_tags=1", "with_tags=0"))
    with zipfile.ZipFile(io.BytesIO(plain.data)) as opened:
        assert keywords_of(opened.read("Größe.jpg"), tmp_path) == ()


def test_the_bar_offers_it_to_everybody(viewer: Browser, document: Document) -> None:
    bar = viewer.page("/documents").find(id="bulk-form")
    assert bar is not None
    assert "Download with tags written" in said(bar)  # type: ignore[arg-type]
    assert "Keep automatic tags" not in said(bar)  # type: ignore[arg-type]
