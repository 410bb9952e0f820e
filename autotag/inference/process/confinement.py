"""What a process does to itself before untrusted bytes or native libraries: limits, signals, its tie to the parent."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# From Linux's <linux/prctl.h>: the signal to get when the parent thread ends; kept across exec.
PR_SET_PDEATHSIG = 1


def limit_memory(limit_bytes: int) -> None:
    """Limits the address space of this process, and forbids core files, which would hold users' pictures."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = limit_bytes if hard == resource.RLIM_INFINITY else min(limit_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def ignore_interrupts() -> None:
    """Ctrl-C in a terminal reaches the whole group; the parent alone decides when this process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def die_with_parent(parent: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Has the kernel send this process a signal when `parent` dies, by default one that kills it.

    Elsewhere than on Linux the end of standard input has to do.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    # The parent may have died before the kernel was asked.
    if os.getppid() != parent:
        sys.exit(f"the parent process {parent} is gone")


@contextmanager
def quiet_native_output() -> Iterator[None]:
    """Drops what native libraries print to standard error meanwhile; for a process that people watch."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def take_protocol_stream() -> int:
    """A private descriptor for what was standard output; standard output itself now goes to standard error.

    Native libraries print to descriptor 1 as they like; on the protocol's descriptor they cannot.
    """
    protocol = os.dup(1)
    os.dup2(2, 1)
    return protocol
