"""`python -m autotag.inference`: the supervised process. `InferenceProcess` starts it; nobody else should."""

from __future__ import annotations

import argparse
import sys

from autotag.inference.process.confinement import (
    die_with_parent,
    ignore_interrupts,
    limit_memory,
    take_protocol_stream,
)
from autotag.inference.process.supervision import MEMORY_EXIT_CODE


def main() -> int:
    """Confines this process, then serves requests from standard input until it ends.

    Returns the exit code.
    """
    parser = argparse.ArgumentParser(prog="autotag.inference", description=main.__doc__)
    parser.add_argument("--memory-limit", type=int, required=True, help="address space in bytes")
    parser.add_argument("--threads", type=int, default=1, help="threads of one inference")
    parser.add_argument("--parent", type=int, help="process to die with")
    parser.add_argument("--keywords", action="store_true", help="only read and write keywords in files")
    arguments = parser.parse_args()

    ignore_interrupts()
    if arguments.parent is not None:
        die_with_parent(arguments.parent)
    protocol = take_protocol_stream()
    limit_memory(arguments.memory_limit)
    if arguments.keywords:
        from autotag.inference.process.keyword_server import serve_keywords

        serve_keywords(sys.stdin.buffer, protocol)
        return 0
    try:
        # Late: numpy, Pillow and the TFLite runtime load only now, inside the limits.
        from autotag.inference.process.server import serve

        serve(sys.stdin.buffer, protocol, arguments.threads)
    except MemoryError:
        return MEMORY_EXIT_CODE
    return 0


if __name__ == "__main__":
    sys.exit(main())
