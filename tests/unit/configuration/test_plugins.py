"""Entries of installed provider packages: taken when they are sound, left out with a line when they are not."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from autotag.configuration import plugins
from autotag.configuration.declaration import Entry, Scope
from autotag.configuration.plugins import installed_entries


def entry(key: str, provider: str) -> Entry:
    return Entry(
        key=key, title=key, category="assets", scope=Scope.INSTANCE, help="", fields=(), provider=provider
    )


@dataclass
class Point:
    """An entry point, or one whose package cannot be imported."""

    loads: object

    def load(self) -> object:
        if isinstance(self.loads, Exception):
            raise self.loads
        return self.loads


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    def install(**packages: object) -> None:
        points = {name: Point(loads) for name, loads in packages.items()}
        monkeypatch.setattr(plugins, "installed_providers", lambda: points)

    return install


def test_a_sound_entry_is_taken(install) -> None:  # type: ignore[no-untyped-def]
    mine = entry("mine", "mine")
    install(mine=SimpleNamespace(entry=mine))
    assert installed_entries(()) == [mine]


@pytest.mark.parametrize(
    "package",
    [
        ImportError("gone"),
        ZeroDivisionError(),
        SimpleNamespace(),
        SimpleNamespace(entry="text"),
        SimpleNamespace(entry=entry("mine", "other")),
        SimpleNamespace(entry=entry("taken", "mine")),
    ],
)
def test_what_is_not_sound_is_left_out_with_a_line_in_the_log(install, package: object) -> None:  # type: ignore[no-untyped-def]
    install(mine=package)
    with capture_logs() as lines:
        assert installed_entries({"taken"}) == []
    assert [line["provider"] for line in lines] == ["mine"]
