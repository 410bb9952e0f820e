"""What the tests of faults share that play the parts of an installation themselves."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.faults.site import Site, make_site
from tests.unit.conftest import app as app  # noqa: PLC0414 - fixtures, told on
from tests.unit.conftest import broker as broker  # noqa: PLC0414
from tests.unit.conftest import broker_socket as broker_socket  # noqa: PLC0414
from tests.unit.conftest import build_app as build_app  # noqa: PLC0414
from tests.unit.conftest import client as client  # noqa: PLC0414
from tests.unit.conftest import compiled_templates as compiled_templates  # noqa: PLC0414
from tests.unit.conftest import config as config  # noqa: PLC0414
from tests.unit.conftest import database_kind as database_kind  # noqa: PLC0414
from tests.unit.conftest import database_url as database_url  # noqa: PLC0414
from tests.unit.conftest import default_instance as default_instance  # noqa: PLC0414
from tests.unit.conftest import make as make  # noqa: PLC0414
from tests.unit.conftest import migrated_template as migrated_template  # noqa: PLC0414
from tests.unit.conftest import models as models  # noqa: PLC0414
from tests.unit.conftest import no_broker as no_broker  # noqa: PLC0414
from tests.unit.conftest import sessions as sessions  # noqa: PLC0414
from tests.unit.conftest import sign_in as sign_in  # noqa: PLC0414
from tests.unit.conftest import storage as storage  # noqa: PLC0414

LONGEST_SECONDS = 120
NEW_MOUNTS, NEW_USERS = 0x00020000, 0x10000000
PRIVATE, REMOUNT_READ_ONLY, BIND = 0x40000 | 0x4000, 0x20 | 0x1, 0x1000

InChild = Callable[[Callable[[], Any]], Any]


@pytest.fixture(scope="module")
def toy_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a store with the model `toy`."""
    folder = tmp_path_factory.mktemp("toy")
    models.__wrapped__(folder)
    return folder / "models"


@pytest.fixture
def site(tmp_path: Path, toy_models: Path, broker: Redis) -> Iterator[Site]:
    """An installation without processes of its own."""
    made = make_site(tmp_path / "site", toy_models, broker)
    yield made
    made.close()


def fork() -> int:
    """Fork; that the test process has threads is known, and the child uses none of theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


@pytest.fixture
def in_child() -> InChild:
    """Runs a function in a process of its own, which may spoil its limits and mounts; returns what it returned."""

    def run(function: Callable[[], Any]) -> Any:
        reading, writing = os.pipe()
        child = fork()
        if not child:
            try:
                signal.alarm(LONGEST_SECONDS)
                answer = json.dumps(function()).encode()
                with os.fdopen(writing, "wb") as pipe:
                    pipe.write(answer)
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(1)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            answer = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code == 0, f"the child ended with {code}"
        return json.loads(answer)

    return run


class Mounts:
    """Mounts that only this process sees, which has to be a child; without root, where the system lets people."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._call("unshare", NEW_MOUNTS if os.geteuid() == 0 else NEW_MOUNTS | NEW_USERS)
        self._call("mount", b"none", b"/", None, PRIVATE, None)

    def small(self, folder: Path, size: int) -> None:
        """Put a file system of so many bytes at a folder."""
        self._call("mount", b"tmpfs", bytes(folder), b"tmpfs", 0, f"size={size}".encode())

    def read_only(self, folder: Path) -> None:
        """Let nothing be written below a folder."""
        self._call("mount", bytes(folder), bytes(folder), None, BIND, None)
        self._call("mount", b"none", bytes(folder), None, BIND | REMOUNT_READ_ONLY, None)

    def undo(self, folder: Path) -> None:
        """Take the last mount of a folder away again."""
        self._call("umount2", bytes(folder), 2)

    def _call(self, name: str, *arguments: Any) -> None:
        if getattr(self._libc, name)(*arguments):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))


@pytest.fixture(scope="session")
def can_mount() -> bool:
    """Whether this machine lets us have mounts of our own."""
    child = fork()
    if not child:
        try:
            Mounts()
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0
