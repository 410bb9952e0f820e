"""Setting up, again and at once, and what the doctor says before, during and after."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Installation

CHECKS = {"secrets", "database", "broker", "storage", "model", "tensorflow", "workers", "documents"}


@pytest.fixture
def folder(start_installation: Callable[..., Installation]) -> Installation:
    """An installation's folder in which nothing happened yet."""
    return start_installation(running=False)


def what_is_there(installation: Installation) -> tuple[Any, ...]:
    database = installation.database
    return (
        database.rows("SELECT id, web_id, virtual_host FROM virtual_instance"),
        database.rows("SELECT id, email, password_hash, role FROM user_account"),
        database.value("SELECT version_num FROM alembic_version"),
        (installation.instance_path / "secret_key").read_text(),
    )


def diagnosis(installation: Installation) -> tuple[int, dict[str, dict[str, Any]]]:
    done = installation.run("doctor", "--json")
    checks = json.loads(done.stdout)
    return done.returncode, {check["name"]: check for check in checks}


def test_init_twice_changes_nothing_the_second_time(folder: Installation) -> None:
    first = folder.run("init", "--json")
    assert first.returncode == 0, first.stderr
    before = what_is_there(folder)
    second = folder.run("init", "--json")
    assert second.returncode == 0, second.stderr
    assert what_is_there(folder) == before
    assert json.loads(first.stdout) == json.loads(second.stdout)
    assert (len(before[0]), len(before[1])) == (1, 1)


def test_two_inits_at_once_make_one_installation(folder: Installation) -> None:
    command = [sys.executable, "-m", "autotag", "init", "--json"]
    both = [
        subprocess.Popen(command, env=folder.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    instances, users, *_ = what_is_there(folder)
    assert (len(instances), len(users)) == (1, 1)
    assert outputs[0][0] == outputs[1][0]


def test_a_generated_password_is_shown_again_and_kept_for_this_user_only(folder: Installation) -> None:
    del folder.environment["AUTOTAG_ADMIN_PASSWORD"]
    first, second = (json.loads(folder.run("init", "--json").stdout) for _ in range(2))
    assert first["password"] == second["password"]
    assert len(first["password"]) >= 12
    kept = folder.instance_path / "first-sign-in"
    assert kept.stat().st_mode & 0o077 == 0
    assert (folder.instance_path / "secret_key").stat().st_mode & 0o077 == 0


def test_a_password_that_is_too_short_is_one_clear_line(folder: Installation) -> None:
    folder.environment["AUTOTAG_ADMIN_PASSWORD"] = "short"
    done = folder.run("init")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        "Error: The first administrator could not be made: A password has 10 to 256 characters."
    ]
    del folder.environment["AUTOTAG_ADMIN_PASSWORD"]
    assert folder.run("init").returncode == 0


def test_a_misspelt_setting_is_named(folder: Installation) -> None:
    folder.environment["AUTOTAG_WORKRES"] = "2"
    done = folder.run("init")
    assert done.returncode == 1
    assert done.stderr.strip() == "Error: AUTOTAG_WORKRES is not a setting of Autotag; check its spelling."


def test_the_doctor_of_an_empty_folder_says_what_to_do(folder: Installation) -> None:
    code, checks = diagnosis(folder)
    assert code == 1
    assert set(checks) == CHECKS
    assert {name for name, check in checks.items() if not check["ok"]} == {
        "database",
        "broker",
        "model",
        "tensorflow",
        "workers",
        "documents",
        "secrets",
    }
    assert all(check["advice"] for check in checks.values() if not check["ok"])


def test_the_doctor_of_a_running_installation_finds_nothing_wrong(installation: Installation) -> None:
    code, checks = diagnosis(installation)
    assert (code, set(checks)) == (0, CHECKS)
    assert all(check["ok"] for check in checks.values())
    assert "ran on" in checks["model"]["detail"]


def test_the_doctor_finds_a_changed_model(folder: Installation) -> None:
    assert folder.run("init").returncode == 0
    model = next((folder.instance_path / "models").glob("*/model.tflite"))
    with model.open("r+b") as file:
        file.seek(-100, os.SEEK_END)
        file.write(bytes(100))
    _, checks = diagnosis(folder)
    assert not checks["model"]["ok"]
    assert checks["database"]["ok"]


def test_a_second_up_in_the_same_folder_is_refused_in_one_line(installation: Installation) -> None:
    done = installation.run("up", "--port", "1")
    assert done.returncode == 1
    assert done.stderr.strip() == f"Error: Autotag is running in {installation.instance_path} already."


def test_a_port_in_use_is_named_before_anything_starts(
    installation: Installation, folder: Installation
) -> None:
    done = folder.run("up", "--port", str(installation.port))
    assert done.returncode == 1
    assert f"Port {installation.port} is in use" in done.stderr
    assert not (folder.instance_path / "autotag.sqlite").exists()
    assert not folder.processes()


def test_up_that_cannot_be_set_up_says_why_and_leaves_nothing(folder: Installation) -> None:
    folder.environment["AUTOTAG_ADMIN_PASSWORD"] = "short"
    done = folder.run("up", "--port", str(folder.port))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "password" in done.stderr
    folder.assert_nothing_left()


def test_ctrl_c_while_up_is_being_set_up_leaves_nothing(folder: Installation) -> None:
    folder.instance_path.mkdir()
    with (folder.instance_path / ".set-up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Where the tests run in the background, a shell has let SIGINT be ignored, and children inherit that.
        hears = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
        program = f"{hears}; from autotag.cli import main; main()"
        command = [sys.executable, "-c", program, "up", "--port", str(folder.port)]
        up = subprocess.Popen(
            command, env=folder.environment, cwd=folder.folder, stderr=subprocess.PIPE, start_new_session=True
        )
        folder.wait(lambda: folder.brokers() and folder.processes("autotag init"), "the setting up")
        os.killpg(up.pid, signal.SIGINT)
        _, errors = up.communicate(timeout=20)
    assert (up.returncode, errors.decode().strip()) == (1, "Aborted!")
    folder.assert_nothing_left()
    assert not (folder.instance_path / "autotag.sqlite").exists()


def test_up_that_is_killed_as_soon_as_the_broker_starts_leaves_nothing(folder: Installation) -> None:
    command = [sys.executable, "-m", "autotag", "up", "--port", str(folder.port)]
    up = subprocess.Popen(command, env=folder.environment, cwd=folder.folder, start_new_session=True)
    folder.wait(lambda: folder.processes("autotag.serving.broker"), "the start of the broker")
    up.kill()
    up.wait()
    folder.assert_nothing_left()


def test_up_says_where_to_go_and_ends_with_zero_on_ctrl_c(
    start_installation: Callable[..., Installation],
) -> None:
    installation = start_installation(workers=1, laid=False)
    installation.wait(lambda: "Autotag is ready at" in installation.log(), "the announcement")
    assert f"http://localhost:{installation.port}/" in installation.log()
    assert "admin@localhost" in installation.log()
    assert installation.stop() == 0
    assert "Traceback" not in installation.log()
