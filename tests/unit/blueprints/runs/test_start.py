from collections.abc import Callable

import pytest
from sqlalchemy import select

from autotag.models import Folder, Role, RunScope, TaggingRun
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from tests.unit.blueprints.conftest import Browser, said
from tests.unit.tagging.conftest import Library, enable_tensorflow

JSON = {"Accept": "application/json"}


def runs_of(library: Library) -> list[TaggingRun]:
    with library.sessions() as session:
        return list(session.scalars(select(TaggingRun).order_by(TaggingRun.id)))


@pytest.mark.parametrize(("scope", "total"), [("untagged", 1), ("all", 2)])
def test_a_run_over_everything_leads_to_its_page(
    library: Library, editor: Browser, scope: str, total: int
) -> None:
    library.document()
    library.add(library.document(), "mine")
    answer = editor.post("/runs", {"scope": scope})
    (run,) = runs_of(library)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/runs/{run.id}")
    assert (run.scope, run.total, run.created_by_id) == (RunScope(scope), total, editor.user.id)


@pytest.mark.parametrize("scope", ["", "selection", "folder", "x"])
def test_what_is_no_scope_for_everything_is_refused(library: Library, editor: Browser, scope: str) -> None:
    library.document()
    assert editor.post("/runs", {"scope": scope}).status_code == 400
    assert runs_of(library) == []


def test_a_run_over_nothing_is_refused_where_one_was(library: Library, editor: Browser) -> None:
    answer = editor.post("/runs", {"scope": "all"})
    assert answer.headers["Location"] == "/runs"
    assert "There are no images to tag." in said(editor.page("/runs"))


def test_one_document_is_tagged_again_from_its_page_with_the_way_to_the_run(
    library: Library, editor: Browser
) -> None:
    document = library.document(title="Cat <1>")
    answer = editor.post(f"/documents/{document.id}/tag-again")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/documents/{document.id}")
    (run,) = runs_of(library)
    assert (run.covers, run.total) == ("Cat <1>", 1)
    page = editor.page(f"/documents/{document.id}")
    assert "1 file is tagged again. Show the run" in said(page)
    assert page.select_one(f'.notice a[href="/runs/{run.id}"]')
    assert library.queued() == [document.id]


@pytest.mark.parametrize(
    ("target", "expected"),
    [("/documents?q=cat", "/documents?q=cat"), ("//evil.test", None), ("https://evil.test", None)],
)
def test_it_leads_back_within_this_site_only(
    library: Library, editor: Browser, target: str, expected: str | None
) -> None:
    document = library.document()
    answer = editor.post(f"/documents/{document.id}/tag-again", {"next": target})
    assert answer.headers["Location"] == (expected or f"/documents/{document.id}")


def test_a_document_in_the_bin_is_not_there(library: Library, editor: Browser) -> None:
    document = library.document(deleted_at=utc_now())
    assert editor.post(f"/documents/{document.id}/tag-again").status_code == 404


def test_a_folder_is_tagged_again_with_what_lies_below(library: Library, editor: Browser) -> None:
    with library.sessions() as session, unit_of_work(session) as work:
        folder = Folder(instance_id=library.instance.id, name="Trip", normalized_name="trip")
        work.session.add(folder)
    (form,) = editor.page(f"/documents?folder={folder.id}").select('form[action$="/tag-again"]')
    assert form["action"] == f"/folders/{folder.id}/tag-again"
    answer = editor.post(f"/folders/{folder.id}/tag-again")
    assert answer.headers["Location"] == f"/documents?folder={folder.id}"
    assert runs_of(library) == []
    library.document(folder_id=folder.id)
    editor.post(f"/folders/{folder.id}/tag-again")
    (run,) = runs_of(library)
    assert (run.covers, run.scope, run.total) == ("Trip", RunScope.FOLDER, 1)
    assert editor.post(f"/folders/{folder.id + 1}/tag-again").status_code == 404


def test_a_program_gets_the_run_or_the_problem(library: Library, editor: Browser) -> None:
    document = library.document()
    address = f"/documents/{document.id}/tag-again"
    editor.get("/runs")
    answer = editor.post(address, headers=JSON)
    (run,) = runs_of(library)
    assert answer.status_code == 201
    assert answer.json == {"id": run.id, "url": f"/runs/{run.id}", "total": 1}
    enable_tensorflow(library.sessions, library.instance.id, on=False)
    refused = editor.post(address, headers=JSON)
    assert (refused.status_code, refused.content_type) == (409, "application/problem+json")
    assert refused.json is not None
    assert refused.json["code"] == "switched_off"


def test_a_viewer_starts_nothing(library: Library, browser: Callable[..., Browser]) -> None:
    viewer = browser(library.instance, Role.VIEWER)
    document = library.document()
    assert viewer.post("/runs", {"scope": "all"}).status_code == 403
    assert viewer.post(f"/documents/{document.id}/tag-again").status_code == 403
    assert viewer.get("/runs").status_code == 403
    assert "Tagging runs" not in said(viewer.page("/documents"))
