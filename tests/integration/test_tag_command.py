"""`autotag tag`: files in, tags out, without server, database or account."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Installation, Photograph


@pytest.fixture(scope="module")
def command(start_installation: Callable[..., Installation]) -> Installation:
    """A folder in which nothing was set up."""
    return start_installation(running=False)


@pytest.fixture(scope="module")
def lines(command: Installation, photographs: list[Photograph]) -> list[dict[str, Any]]:
    done = command.run("tag", "--json", *(str(item.path) for item in photographs))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_one_line_answers_each_file_in_the_order_given(
    lines: list[dict[str, Any]], photographs: list[Photograph]
) -> None:
    assert [line["file"] for line in lines] == [str(item.path) for item in photographs]
    assert all(set(line) == {"file", "model", "width", "height", "tags"} for line in lines)


def test_the_label_of_each_photograph_comes_first(
    lines: list[dict[str, Any]], photographs: list[Photograph]
) -> None:
    assert [line["tags"][0]["name"] for line in lines] == [item.label for item in photographs]


def test_confidences_fall_and_reach_the_threshold(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        confidences = [tag["confidence"] for tag in line["tags"]]
        assert confidences == sorted(confidences, reverse=True)
        assert all(0.1 <= confidence <= 1 for confidence in confidences)


def test_a_folder_is_walked_and_a_bad_file_spoils_the_exit_code_only(
    command: Installation, make_pictures: Callable[[int], list[bytes]], tmp_path: Path
) -> None:
    (tmp_path / "below").mkdir()
    first, second = make_pictures(2)
    (tmp_path / "a.jpg").write_bytes(first)
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    (tmp_path / "below" / "c.jpg").write_bytes(second)
    (tmp_path / "notes.txt").write_text("not asked about")
    done = command.run("tag", "--json", str(tmp_path))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [Path(answer["file"]).name for answer in answers] == ["a.jpg", "b.jpg", "c.jpg"]
    assert ["error" in answer for answer in answers] == [False, True, False]


def test_a_higher_threshold_gives_fewer_tags_and_a_limit_cuts(
    command: Installation, make_pictures: Callable[[int], list[bytes]], tmp_path: Path
) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(make_pictures(1)[0])

    def tags(*options: str) -> list[dict[str, Any]]:
        done = command.run("tag", "--json", *options, str(path))
        found: list[dict[str, Any]] = json.loads(done.stdout)["tags"]
        return found

    everything = tags("--threshold", "0")
    assert len(everything) == 20
    assert tags("--threshold", "0", "--limit", "3") == everything[:3]
    middle = everything[1]["confidence"]
    assert len(tags("--threshold", str(middle + 0.001))) < len(everything)


def test_people_get_a_line_they_can_read(
    command: Installation, make_pictures: Callable[[int], list[bytes]], tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(make_pictures(1)[0])
    (tmp_path / "b.jpg").write_bytes(b"")
    done = command.run("tag", "--threshold", "0", "--limit", "1", str(tmp_path))
    good, bad = done.stdout.splitlines()
    assert good.startswith(f"{tmp_path / 'a.jpg'}: ")
    assert bad == f"{tmp_path / 'b.jpg'}: The file is empty."


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("tag", 2),
        ("tag --threshold 2 x.jpg", 2),
        ("tag --no-such-option x.jpg", 2),
        ("tag --model no-such-model x.jpg", 1),
        ("tag no-such-file.jpg", 1),
        ("no-such-command", 2),
        ("tag --help", 0),
    ],
)
def test_exit_codes_tell_wrong_usage_from_failure(command: Installation, line: str, code: int) -> None:
    done = command.run(*line.split())
    assert done.returncode == code
    assert "Traceback" not in done.stdout + done.stderr
    if code == 1:
        assert len((done.stdout + done.stderr).strip().splitlines()) == 1
