"""The child limits itself before it reads anything."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

PREAMBLE = "import json, os, resource, signal, sys\nfrom autotag.inference.process import confinement\n"


def run(code: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PREAMBLE + code],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
        **options,
    )


def test_memory_is_limited_and_no_core_is_written() -> None:
    result = run("""
confinement.limit_memory(300 * 1024**2)
limits = [resource.getrlimit(resource.RLIMIT_AS)[0], resource.getrlimit(resource.RLIMIT_CORE)]
try:
    bytearray(400 * 1024**2)
except MemoryError:
    print(json.dumps(limits))
""")

    assert json.loads(result.stdout) == [300 * 1024**2, [0, 0]]


def test_a_limit_never_exceeds_the_one_that_the_machine_sets() -> None:
    result = run("""
resource.setrlimit(resource.RLIMIT_AS, (500 * 1024**2, 500 * 1024**2))
confinement.limit_memory(900 * 1024**2)
print(resource.getrlimit(resource.RLIMIT_AS)[0])
""")

    assert int(result.stdout) == 500 * 1024**2


def test_an_interrupt_from_the_terminal_is_ignored() -> None:
    result = run("confinement.ignore_interrupts(); os.kill(os.getpid(), signal.SIGINT); print('alive')")

    assert result.stdout == "alive\n"


def test_prints_cannot_reach_the_protocol() -> None:
    result = run("""
protocol = confinement.take_protocol_stream()
os.write(1, b"native chatter\\n")
print("python chatter", flush=True)
os.write(protocol, b"answer\\n")
""")

    assert result.stdout == "answer\n"
    assert result.stderr == "native chatter\npython chatter\n"


def test_a_child_whose_parent_is_gone_ends_at_once() -> None:
    result = run("confinement.die_with_parent(1 << 30); print('alive')")

    assert result.stdout == ""
    assert "is gone" in result.stderr
    assert result.returncode == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
def test_the_kernel_is_asked_to_end_the_child_with_its_parent() -> None:
    result = run("""
import ctypes
confinement.die_with_parent(os.getppid())
asked = ctypes.c_int()
ctypes.CDLL(None).prctl(2, ctypes.byref(asked))  # PR_GET_PDEATHSIG
print(signal.Signals(asked.value).name)
""")

    assert result.stdout == "SIGKILL\n"
