import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

LEASH = [sys.executable, "-m", "autotag.serving.leash"]
PARENT = """
import subprocess, sys, time
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    """A parent whose leashed child sleeps; it says the child's number once the child runs its command."""
    child = [*LEASH, "sh", "-c", "echo up; exec sleep 60"]
    command = [sys.executable, "-c", PARENT, *child]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_a_child_ends_when_its_parent_is_killed(parent: subprocess.Popen[str]) -> None:
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while not has_ended(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def has_ended(process: psutil.Process) -> bool:
    """Its new parent may be slow to collect it; then it is a zombie, which has ended as well."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_the_command_takes_the_place_of_the_leash() -> None:
    process = subprocess.Popen(
        [*LEASH, "sh", "-c", 'echo $$ "$@"; exit 7', "sh", "a b", ""], stdout=subprocess.PIPE, text=True
    )
    told = process.communicate()[0]
    assert (told, process.returncode) == (f"{process.pid} a b \n", 7)
    assert process.pid != os.getpid()
