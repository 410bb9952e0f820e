"""What the forker has loaded before it forks. That it starts the parts is seen by every test with an installation."""

import subprocess
import sys

LOADS = """
import os, sys, threading
from autotag.cli.forker import load
before = os.listdir("/proc/self/fd")
load()
print(threading.active_count(), len(os.listdir("/proc/self/fd")) - len(before), *sys.modules)
"""


def loaded() -> list[str]:
    return subprocess.run(
        [sys.executable, "-c", LOADS], capture_output=True, text=True, check=True
    ).stdout.split()


def test_a_fork_finds_nothing_half_done_and_no_more_than_it_needs() -> None:
    threads, descriptors, *modules = loaded()
    assert (threads, descriptors) == ("1", "0")
    assert "autotag.tagging.pipeline" in modules
    assert not {"numpy", "PIL", "ai_edge_litert", "obstore", "psycopg"} & set(modules)
