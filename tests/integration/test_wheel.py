"""The wheel, built as for a release and installed away from the clone, is the whole product.

What it depends on is not installed once more but seen through a .pth file. Lines of a .pth file that another .pth file
leads to are not read, so the clone, which is installed here in editable form, stays out of sight.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Installation, Photograph

REPOSITORY = Path(__file__).resolve().parents[2]
WHERE = """
import json, autotag, importlib.metadata as metadata
from autotag.config import default_instance_path
print(json.dumps([autotag.__file__, metadata.version("autotag"), str(default_instance_path())]))
"""


def succeed(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    # Without isolation, which would fetch the build tools anew: they are of the lock. By way of the source archive.
    succeed(
        *(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, REPOSITORY), folder=REPOSITORY
    )
    (wheel,) = folder.glob("autotag-*.whl")
    return wheel


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel in it."""
    environment = tmp_path_factory.mktemp("environment")
    succeed(sys.executable, "-m", "venv", "--without-pip", environment, folder=environment)
    pip = (
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        environment / "bin" / "python",
    )
    succeed(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel, folder=environment)
    (packages,) = environment.glob("lib/python3*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment


@pytest.fixture(scope="module")
def installed(environment: Path, start_installation: Callable[..., Installation]) -> Installation:
    return start_installation(1, python=str(environment / "bin" / "python"))


def test_the_wheel_holds_all_that_is_no_code(wheel: Path) -> None:
    source = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "autotag").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {".html", ".css", ".js", ".mako", ".py"} <= {Path(name).suffix for name in source}
    assert sorted(source - set(zipfile.ZipFile(wheel).namelist())) == []


def test_the_wheel_is_what_runs_and_it_keeps_its_data_in_its_environment(environment: Path) -> None:
    answer = json.loads(succeed(environment / "bin" / "python", "-c", WHERE, folder=environment))
    assert Path(answer[0]).is_relative_to(environment)
    assert Path(answer[2]).is_relative_to(environment)
    assert succeed(environment / "bin" / "autotag", "--version", folder=environment).split()[-1] == answer[1]


def test_up_serves_and_tags_an_upload(
    installed: Installation, environment: Path, photographs: list[Photograph]
) -> None:
    processes = installed.processes("autotag")
    python = environment / "bin" / "python"
    started = {process.pid: Path(process.cmdline()[0]) for process in processes}
    forks = [process for process in processes if not started[process.pid].is_absolute()]
    assert {path for path in started.values() if path.is_absolute()} == {python}
    # The others say what they do instead: all are forks of what the same Python was started for.
    assert len(forks) == 4
    for fork in forks:
        assert str(python) in [parent.cmdline()[0] for parent in fork.parents() if parent.pid in started]
    client = installed.client()
    document = client.upload(photographs[0].path.name, photographs[0].fresh())
    installed.wait_final([document])
    assert installed.database.tags(document)
    page = client.get(f"/documents/{document}")
    assert page.status_code == 200
    stylesheet = client.get("/static/css/tokens.css")
    assert stylesheet.status_code == 200
