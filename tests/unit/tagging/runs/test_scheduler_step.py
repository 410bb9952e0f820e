from autotag.models import RunItemState, RunState
from autotag.tagging.runs.dispatch import WINDOW
from autotag.tagging.runs.scheduler_step import tend_runs
from tests.unit.tagging.conftest import Library, enable_tensorflow


def test_nothing_to_tend_is_nothing_done(library: Library) -> None:
    assert tend_runs(library.sessions) == 0


def test_runs_share_the_window_whichever_came_first(library: Library) -> None:
    acme = library
    other = Library(library.sessions, library.make, library.make.instance("globex"))
    enable_tensorflow(other.sessions, other.instance.id)
    for one in (acme, other):
        for _ in range(WINDOW * 2):
            one.document()
    first = acme.start()
    second = other.start()
    acme.work()
    other.work()
    assert tend_runs(library.sessions) == WINDOW
    assert acme.items(first)[RunItemState.QUEUED] == WINDOW // 2
    assert other.items(second)[RunItemState.QUEUED] == WINDOW // 2


def test_while_settings_let_nothing_be_tagged_a_run_waits(library: Library) -> None:
    for _ in range(WINDOW + 1):
        library.document()
    run = library.start()
    library.work()
    enable_tensorflow(library.sessions, library.instance.id, on=False)
    assert tend_runs(library.sessions) == 0
    assert library.run(run).state is RunState.RUNNING
    assert library.items(run)[RunItemState.WAITING] == 1
    enable_tensorflow(library.sessions, library.instance.id)
    library.go_on()
    assert library.run(run).state is RunState.FINISHED
