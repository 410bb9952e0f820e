import json

import pytest
from click.testing import CliRunner

from autotag.cli import group
from autotag.config import Config
from autotag.serving import doctor
from autotag.serving.doctor import Check

GOOD = Check("database", True, "sound")
BAD = Check("broker", False, "gone", "Start it.")


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    def always(check: Check) -> object:
        def make(_config: Config) -> Check:
            return check

        return make

    monkeypatch.setattr(doctor, "CHECKS", tuple(always(check) for check in request.param))


@pytest.fixture
def run(tmp_path: object) -> CliRunner:
    return CliRunner(env={"AUTOTAG_INSTANCE_PATH": str(tmp_path)})


@pytest.mark.usefixtures("checks")
@pytest.mark.parametrize(("checks", "code"), [([GOOD], 0), ([GOOD, BAD], 1)], indirect=["checks"])
def test_json_is_all_that_is_printed(run: CliRunner, code: int) -> None:
    result = run.invoke(group, ["doctor", "--json"])
    assert result.exit_code == code
    told = json.loads(result.stdout)
    assert told[0] == {"name": "database", "ok": True, "detail": "sound", "advice": ""}
    assert result.stderr == ""


@pytest.mark.usefixtures("checks")
@pytest.mark.parametrize("checks", [[GOOD, BAD]], indirect=True)
def test_what_is_wrong_is_told_with_what_to_do(run: CliRunner) -> None:
    lines = run.invoke(group, ["doctor"]).stdout.splitlines()
    assert lines[0].split() == ["ok", "database", "sound"]
    assert lines[1].split() == ["BAD", "broker", "gone"]
    assert lines[2].strip() == "Start it."
