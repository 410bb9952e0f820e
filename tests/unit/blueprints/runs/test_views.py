from collections.abc import Callable

import pytest
from sqlalchemy import Engine, event

from autotag.models import RunScope, RunState, TaggingRun, TaggingState
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.pipeline.outcome import Outcome
from autotag.tagging.runs.lifecycle import cancel_run, pause_run, resume_run
from autotag.tagging.runs.scheduler_step import tend_runs
from tests.unit.blueprints.conftest import Browser, said
from tests.unit.tagging.conftest import Library, enable_tensorflow


def fail_all(library: Library, reason: str = "It is broken.") -> None:
    for held in library.take():
        library.record(held, Outcome(TaggingState.FAILED, "bad_image", reason))
    tend_runs(library.sessions)


def count_statements(library: Library, action: Callable[[], object]) -> int:
    numbers: list[str] = []

    def count(*arguments: object) -> None:
        numbers.append(str(arguments[2]))

    event.listen(Engine, "before_cursor_execute", count)
    try:
        action()
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    return len(numbers)


def test_without_runs_the_page_says_what_to_do_next(library: Library, editor: Browser) -> None:
    page = editor.page("/runs")
    assert "No runs yet" in said(page)
    assert [button.has_attr("disabled") for button in page.select(".run-start button")] == [True, True]


def test_what_a_new_run_would_cover_is_told_before(library: Library, editor: Browser) -> None:
    for _ in range(3):
        library.document()
    library.add(library.document(), "mine")
    starts = [said(form) for form in editor.page("/runs").select(".run-start")]
    assert starts == ["Everything untagged 3 images", "Everything 4 images"]


def test_while_nothing_would_be_tagged_the_page_says_why(library: Library, editor: Browser) -> None:
    library.document()
    enable_tensorflow(library.sessions, library.instance.id, on=False)
    page = editor.page("/runs")
    assert "Nothing would be tagged now. No image auto tagging provider is enabled" in said(page)
    assert all(button.has_attr("disabled") for button in page.select(".run-start button"))


def test_runs_are_listed_newest_first_a_page_at_a_time(library: Library, editor: Browser) -> None:
    with library.sessions() as session, unit_of_work(session) as work:
        work.session.add_all(
            TaggingRun(
                instance_id=library.instance.id,
                scope=RunScope.ALL,
                covers=f"Run {number}",
                state=RunState.FINISHED,
            )
            for number in range(32)
        )
    page = editor.page("/runs")
    titles = [link.text for link in page.select(".run-table .data-main a")]
    assert titles == [f"Run {number}" for number in range(31, 1, -1)]
    (older,) = page.select(".load-more a")
    rest = editor.page(str(older["href"]))
    assert [link.text for link in rest.select(".run-table .data-main a")] == ["Run 1", "Run 0"]
    assert rest.select_one(".page-back")


def test_the_number_of_queries_does_not_grow_with_what_is_shown(library: Library, editor: Browser) -> None:
    def visit() -> None:
        editor.page("/runs")
        editor.page(f"/runs/{run.id}")

    library.document()
    run = library.start()
    library.go_on()
    visit()
    few = count_statements(library, visit)
    for _ in range(6):
        library.document()
        run = library.start()
        library.go_on()
    assert count_statements(library, visit) == few


def test_a_runs_page_tells_how_far_it_is_and_offers_what_can_be_done(
    library: Library, editor: Browser
) -> None:
    documents = [library.document() for _ in range(4)]
    run = library.start()
    (held,) = library.take(documents[0])
    library.record(held, library.conclude(held))
    page = editor.page(f"/runs/{run.id}")
    assert "Under way" in said(page)
    assert "Done 1 of 4 Failed 0 To do 3" in said(page)
    bar = page.select_one("progress")
    assert bar is not None
    assert (bar["max"], bar["value"]) == ("4", "1")
    assert [button.text for button in page.select(".run-actions button")] == [
        "Pause",
        "Cancel",
        "Undo this run",
    ]
    assert [link["href"] for link in page.select(".run-file")] == [f"/documents/{documents[0].id}"]


@pytest.mark.parametrize(
    ("acts", "buttons"),
    [
        ([pause_run], ["Resume", "Cancel", "Undo this run"]),
        ([cancel_run], ["Resume", "Undo this run"]),
        ([pause_run, resume_run], ["Pause", "Cancel", "Undo this run"]),
    ],
)
def test_the_buttons_follow_the_state(
    library: Library, editor: Browser, acts: list[Callable[..., object]], buttons: list[str]
) -> None:
    library.document()
    run = library.start()
    for act in acts:
        library.act(act, run)
    page = editor.page(f"/runs/{run.id}")
    assert [button.text for button in page.select(".run-actions button")] == buttons


def test_failures_are_shown_with_their_reasons_and_a_page_at_a_time(
    library: Library, editor: Browser
) -> None:
    for number in range(52):
        library.document(title=f"Picture {number:02}", file_name=f"p{number}.png")
    run = library.start()
    fail_all(library)
    page = editor.page(f"/runs/{run.id}")
    failures = page.select(".run-failures li")
    assert len(failures) == 50
    assert said(failures[0]) == "Picture 00 p0.png It is broken. Retry"
    (more,) = page.select(".load-more a")
    rest = editor.page(str(more["href"]))
    assert [said(one).split(" p5")[0] for one in rest.select(".run-failures li")] == [
        "Picture 50",
        "Picture 51",
    ]


def test_progress_for_the_script_ends_when_the_run_does(library: Library, editor: Browser) -> None:
    library.document(title="<b>bold</b>")
    run = library.start()
    answer = editor.get(f"/runs/{run.id}/progress").json
    assert answer is not None
    assert (answer["state"], answer["pending"]) == ("running", True)
    library.go_on()
    answer = editor.get(f"/runs/{run.id}/progress").json
    assert answer is not None
    assert (answer["state"], answer["pending"]) == ("finished", False)
    assert answer["announcement"] == "Finished: 1 of 1 done"
    assert "&lt;b&gt;bold" in answer["files"]
    assert "<b>bold" not in answer["files"]


def test_a_page_further_on_in_the_lists_stays_as_it_is(library: Library, editor: Browser) -> None:
    library.document()
    run = library.start()
    assert editor.page(f"/runs/{run.id}").select("[data-live]")
    assert not editor.page(f"/runs/{run.id}?after=1").select("[data-live]")
