"""The folder of installed models, one folder each: `<name>/{model.tflite,labels.txt,model.json}`."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from autotag.inference.errors import InstallationCancelled, ModelCode, ModelRejected
from autotag.inference.models.catalogue import DEFAULT_MODEL, known_model
from autotag.inference.models.model import NAME_PATTERN, ModelDescription, read_description

# Names that no model can have, since a model's name starts with a letter or digit. Behind the prefix stands the
# model's name, so that the lock of a name says whether somebody still works in its folders.
LOCK_PREFIX = ".lock-"
BUILDING_PREFIX = ".building-"
# Between the name and the random part of a working folder; no model's name holds it.
NAME_END = "~"
# How often a process that waits for a name looks whether it is still wanted, in seconds.
LOCK_INTERVAL = 0.1


class ModelStore:
    """The models in `folder`, which is made when first needed. Any number of processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """The folder of the model called `name`, installed or not.

        Raises `ModelRejected` for an impossible name.
        """
        if not NAME_PATTERN.fullmatch(name):
            raise ModelRejected(ModelCode.UNKNOWN_MODEL, f"{name!r} cannot be the name of a model.")
        return self.folder / name

    def installed(self) -> list[ModelDescription]:
        """The descriptions of all usable models, by name. A folder without a sound model is left out."""
        descriptions = []
        for path in sorted(self.folder.glob("*/")) if self.folder.is_dir() else []:
            with suppress(ModelRejected):
                descriptions.append(self.get(path.name))
        return descriptions

    def get(self, name: str) -> ModelDescription:
        """The description of the installed model called `name`.

        Raises `ModelRejected` when it is not installed, its description is wrong, or a file is missing or has
        another size. The content is checked against its SHA-256 when the model is loaded.
        """
        folder = self.path(name)
        if not folder.is_dir():
            raise ModelRejected(ModelCode.MODEL_MISSING, f"The model {name!r} is not installed.")
        description = read_description(folder)
        if description.name != name:
            message = f"The folder of model {name!r} holds {description.name!r}."
            raise ModelRejected(ModelCode.MODEL_DAMAGED, message)
        model_file = folder / description.model_file
        whole = model_file.is_file() and model_file.stat().st_size == description.size
        if not whole or not (folder / description.label_file).is_file():
            raise ModelRejected(
                ModelCode.MODEL_DAMAGED, f"Files of the model {name!r} are missing or cut off."
            )
        return description

    def install_default(self, force: bool = False) -> ModelDescription:
        """Installs the default model, unless a sound one is there and not `force`; returns its description.

        It is built beside its place, checked by running it, and renamed, so that nothing half is ever seen,
        whenever this is interrupted and however many processes do it at once. Raises `ModelRejected` when it
        cannot be built.
        """
        known = known_model(DEFAULT_MODEL)
        if not force and (present := self.present(known.name)):
            return present
        with self.preparing(known.name) as building:
            # Another process may have installed it while this one waited.
            if not force and (present := self.present(known.name)):
                return present
            # Late: whoever only lists models needs neither numpy nor the runtime.
            from autotag.inference.installing.default_model import build_model

            description = build_model(known, building)
            self.put_in_place(building, known.name)
            return description

    def present(self, name: str) -> ModelDescription | None:
        """The description if the model called `name` is installed and sound."""
        try:
            return self.get(name)
        except ModelRejected:
            return None

    def remove(self, name: str) -> None:
        """Removes the model called `name`, sound or not; all of it vanishes at once.

        Raises `ModelRejected` for the default model, which the product must always have, and for one that is
        not installed.
        """
        place = self.path(name)
        if name == DEFAULT_MODEL:
            message = f"{name!r} is the default model and cannot be removed."
            raise ModelRejected(ModelCode.MODEL_REQUIRED, message)
        if not place.is_dir():
            raise ModelRejected(ModelCode.MODEL_MISSING, f"The model {name!r} is not installed.")
        # Another process may have removed it while this one waited; then it is as was asked.
        with self.preparing(name) as building, suppress(FileNotFoundError):
            place.rename(building.with_name(f"{building.name}-removed"))

    @contextmanager
    def preparing(self, name: str, cancelled: Callable[[], bool] = lambda: False) -> Iterator[Path]:
        """An empty folder in which to prepare the model called `name`, alone among all processes.

        It is on the file system of the models, hidden, and removed at the end unless `put_in_place` took it.
        What interrupted processes have left is removed as well. Raises `InstallationCancelled` when
        `cancelled` says so while another process works on the same name.
        """
        self.path(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._lock_file(name).open("w") as lock:
            _wait_for(lock.fileno(), cancelled)
            self._remove_leftovers(name)
            try:
                prefix = f"{BUILDING_PREFIX}{name}{NAME_END}"
                yield Path(tempfile.mkdtemp(prefix=prefix, dir=self.folder))
            finally:
                self._remove_leftovers(name)

    def put_in_place(self, building: Path, name: str) -> None:
        """Makes the folder `building` durable and the model called `name`; what was there is removed.

        Only inside `preparing`.
        """
        place = self.path(name)
        for path in building.iterdir():
            _sync(path)
        _sync(building)
        if place.exists():
            place.rename(building.with_name(f"{building.name}-replaced"))
        building.rename(place)
        _sync(self.folder)

    def _lock_file(self, name: str) -> Path:
        return self.folder / f"{LOCK_PREFIX}{name}"

    def _remove_leftovers(self, own: str) -> None:
        """Removes the working folders of `own`, whose lock this process holds, and those of dead processes."""
        for path in self.folder.glob(f"{BUILDING_PREFIX}*"):
            name = path.name.removeprefix(BUILDING_PREFIX).partition(NAME_END)[0]
            if name == own:
                shutil.rmtree(path, ignore_errors=True)
                continue
            with self._lock_file(name).open("w") as lock, suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)


@contextmanager
def storage_errors_explained() -> Iterator[None]:
    """Turns what the system says of files that cannot be read or written into `ModelRejected`."""
    try:
        yield
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        message = f"The file{place} cannot be read or written: {error.strerror or error}."
        raise ModelRejected(ModelCode.STORAGE_FAILED, message) from error


def _wait_for(lock: int, cancelled: Callable[[], bool]) -> None:
    """Waits until this process alone holds the lock file open at the descriptor `lock`."""
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if cancelled():
                raise InstallationCancelled from None
            time.sleep(LOCK_INTERVAL)
        else:
            return


def _sync(path: Path) -> None:
    """Waits until the file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
