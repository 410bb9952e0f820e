import pytest

from autotag.cli.common import progress
from autotag.cli.common.progress import progress_bar


def test_a_pipe_gets_a_plain_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    moments = iter([0.0, 1.0, 6.0, 6.0, 7.0, 12.0, 12.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(moments))
    with progress_bar("Files") as move:
        for done in (1, 2, 3, 4):
            move(done, 4)
    assert capsys.readouterr().err.splitlines() == ["Files: 2 of 4", "Files: 4 of 4"]


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress_bar("Files") as move:
        move(1, 2)
        move(2, 2)
    assert "2/2" in capsys.readouterr().err


def test_a_program_gets_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("Files", quiet=True) as move:
        move(1, 1)
    assert capsys.readouterr() == ("", "")
