"""The example of the provider author's guide: installed as a package of its own, it tags."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guide's two listings, installed into a folder of their own."""
    listings = re.findall(
        r"```(?:toml|python)\n(.*?)```", (ROOT / "docs/providers.md").read_text(), re.DOTALL
    )
    source = tmp_path_factory.mktemp("source")
    build = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n'
    only = '\n[tool.hatch.build.targets.wheel]\nonly-include = ["autotag_file_size.py"]\n'
    (source / "pyproject.toml").write_text(build + listings[0] + only)
    (source / "autotag_file_size.py").write_text(listings[1])
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--target", str(target), str(source)], check=True, capture_output=True)
    return target


def autotag(package: Path, instance: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AUTOTAG_")}
    environment |= {"PYTHONPATH": str(package), "AUTOTAG_INSTANCE_PATH": str(instance)}
    command = [sys.executable, "-m", "autotag", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def test_its_entry_is_configured_like_any_other(package: Path, tmp_path: Path) -> None:
    autotag(package, tmp_path, "init")
    entries = json.loads(autotag(package, tmp_path, "config", "list", "--json"))
    assert "file-size" in [entry["entry"] for entry in entries]
    autotag(package, tmp_path, "config", "set", "--scope", "default", "file-size", "large_from", "25")
    values = json.loads(
        autotag(package, tmp_path, "config", "get", "--scope", "default", "file-size", "--json")
    )
    assert values["values"]["large_from"] == 25


def test_it_tags(package: Path, tmp_path: Path) -> None:
    script = """
from autotag.providers.registry import ProviderTools, build_provider
from autotag.inference.installing.store import ModelStore
from pathlib import Path
class Image:
    mime_type = "image/jpeg"
    size = (640, 480)
    def jpeg(self, side):
        return b"x" * 30_000
provider = build_provider("file-size", {"large_from": 25}, ProviderTools(ModelStore(Path("models"))))
print(provider.tag(Image()).predictions[0].name)
"""
    environment = os.environ | {"PYTHONPATH": str(package)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, cwd=tmp_path)
    assert (done.stdout.strip(), done.stderr) == ("large file", "")


def test_without_the_package_there_is_no_such_entry(tmp_path: Path) -> None:
    entries = json.loads(autotag(tmp_path, tmp_path, "config", "list", "--json"))
    assert "file-size" not in [entry["entry"] for entry in entries]
