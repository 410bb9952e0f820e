"""The measurement of many machines: what it counts, and that it clears up after itself."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def machines(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("machines")


def outcomes(worker: str, *seconds: float) -> list[tuple[str, datetime]]:
    return [(worker, NOON + timedelta(seconds=second)) for second in seconds]


def test_the_pace_is_that_of_the_time_in_which_all_are_at_work(machines: ModuleType) -> None:
    early = outcomes("a", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    late = outcomes("b", 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)
    assert machines.pace(early) == 1.0
    assert machines.pace(early + late) == 2.0


def test_outcomes_that_are_written_together_count_at_the_end_and_not_at_the_beginning(
    machines: ModuleType,
) -> None:
    assert machines.pace(outcomes("a", 0, 0, 2, 2, 4, 4)) == 1.0


def test_hosts_are_cleared_away_whatever_happens(
    script: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = script("hosts")
    said: list[tuple[str, ...]] = []

    def ip(*arguments: str, check: bool = True) -> str:
        if "eth0" in arguments:
            raise RuntimeError("no such device")
        said.append(arguments)
        return ""

    monkeypatch.setattr(hosts, "ip", ip)
    with pytest.raises(RuntimeError, match="no such device"), hosts.Network(tmp_path) as network:
        network.add("worker")
    made = [command[2] for command in said if command[:2] == ("netns", "add")]
    gone = [command[2] for command in said if command[:2] == ("netns", "delete")]
    assert len(made) == 2
    assert sorted(gone) == sorted(made)
