"""What is installed is what was looked at: each requirement is pinned to one version and to the hashes of its files."""

import re
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LOCKS = sorted((REPOSITORY / "requirements").glob("*.lock"))
REQUIREMENT = re.compile(r"(?P<name>[a-z0-9._-]+)(\[[a-z0-9,._-]+\])?==(?P<version>[^\s;]+)(\s*;[^\\]+)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def requirements(lock: Path) -> list[str]:
    """The requirements of a lock, each on one line with its hashes."""
    lines = [line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#")]
    return [line.strip() for line in "\n".join(lines).replace("\\\n", " ").splitlines() if line.strip()]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_each_requirement_has_one_version_and_the_hashes_of_its_files(lock: Path) -> None:
    found = requirements(lock)
    assert found
    for line in found:
        requirement, *hashes = re.split(r"\s+(?=--hash)", line)
        assert REQUIREMENT.fullmatch(requirement.strip()), requirement
        assert hashes, f"{requirement} has no hash"
        assert all(HASH.fullmatch(one.strip()) for one in hashes), requirement


def test_whatever_the_project_declares_is_in_the_lock() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    locked = {re.split(r"[\[=]", line)[0] for line in requirements(REPOSITORY / "requirements" / "run.lock")}
    declared = {plain(re.split(r"[^A-Za-z0-9._-]", one)[0]) for one in project["dependencies"]}
    assert len(declared) > 20
    assert declared <= {plain(name) for name in locked}


def test_what_is_installed_from_a_lock_is_held_to_its_hashes() -> None:
    lines = (REPOSITORY / "Makefile").read_text().splitlines()
    lines += (REPOSITORY / "deploy" / "container" / "Containerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("PIP :=") and line.endswith("--require-hashes")]
    installs = [line for line in lines if re.search(r"pip\b.* install|\$\(PIP\) ", line)]
    from_locks = [line for line in installs if "-r requirements/" in line]
    assert len(from_locks) >= 4
    assert [line for line in from_locks if "--require-hashes" not in line and "$(PIP) -r" not in line] == []
    # The rest installs nothing but the project itself, and the tool that resolves.
    others = [line for line in installs if line not in from_locks and not line.startswith("PIP :=")]
    assert [line for line in others if "--no-deps" not in line and not line.endswith(" uv")] == []


def test_the_container_has_what_the_lock_of_the_project_says_and_those_of_postgresql_and_s3() -> None:
    run, container = (
        {re.split(r"\s", line)[0] for line in requirements(REPOSITORY / "requirements" / name)}
        for name in ("run.lock", "postgresql.lock")
    )
    assert run <= container
    more = {re.split(r"==", line)[0] for line in container - run}
    # The driver wants time zones where the system has none, on Windows.
    assert more == {"psycopg", "psycopg-binary", "obstore", "tzdata"}
