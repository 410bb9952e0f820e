import pytest
from sqlalchemy import select

from autotag.models import RunItemState, RunState, TaggingRun
from tests.unit.blueprints.conftest import Browser, said
from tests.unit.blueprints.runs.test_views import fail_all
from tests.unit.tagging.conftest import Library


def test_pause_resume_cancel_and_undo_are_forms_that_lead_to_the_run(
    library: Library, editor: Browser
) -> None:
    document = library.document()
    run = library.start()
    for act, state in [
        ("pause", RunState.PAUSED),
        ("resume", RunState.RUNNING),
        ("cancel", RunState.CANCELLED),
        ("resume", RunState.RUNNING),
    ]:
        answer = editor.post(f"/runs/{run.id}/{act}")
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/runs/{run.id}")
        assert library.run(run).state is state
    library.go_on()
    assert library.tags(document) == {"cat": "auto"}
    editor.post(f"/runs/{run.id}/undo")
    assert library.tags(document) == {}
    assert "Undone 1 of 1" in said(editor.page(f"/runs/{run.id}"))


def test_what_cannot_be_done_is_said(library: Library, editor: Browser) -> None:
    library.document()
    run = library.start()
    library.go_on()
    assert editor.post(f"/runs/{run.id}/cancel").status_code == 303
    assert "This run has finished." in said(editor.page(f"/runs/{run.id}"))


def test_the_failed_are_retried_all_or_one(library: Library, editor: Browser) -> None:
    documents = [library.document() for _ in range(3)]
    run = library.start()
    fail_all(library)
    editor.post(f"/runs/{run.id}/retry", {"document_id": documents[0].id})
    assert library.items(run) == {RunItemState.QUEUED: 1, RunItemState.FAILED: 2}
    assert "1 file is tried again." in said(editor.page(f"/runs/{run.id}"))
    editor.post(f"/runs/{run.id}/retry")
    assert library.items(run) == {RunItemState.QUEUED: 3}


@pytest.mark.parametrize("named", ["", "x", "99999999999999999999"])
def test_a_number_that_is_none_retries_nothing(library: Library, editor: Browser, named: str) -> None:
    library.document()
    run = library.start()
    fail_all(library)
    editor.post(f"/runs/{run.id}/retry", {"document_id": named})
    assert library.items(run) == {RunItemState.FAILED: 1}
    with library.sessions() as session:
        assert session.scalars(select(TaggingRun.state)).all() == [RunState.FINISHED]
