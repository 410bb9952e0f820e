import subprocess
import sys

import pytest

LOG = """
import logging, structlog, sys
from autotag.observability import configure_logging
configure_logging()
structlog.contextvars.bind_contextvars(request="r1", instance="acme")
{line}
"""


def logged(line: str) -> str:
    """What a line of code writes to standard error, in a process of its own: logging is the whole process's."""
    done = subprocess.run(
        [sys.executable, "-c", LOG.format(line=line)], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "structlog.stdlib.get_logger('ours').info('it happened', document=7)",
        "logging.getLogger('theirs').info('it happened', extra={'document': 7})",
    ],
)
def test_our_lines_and_those_of_libraries_have_the_same_keys(line: str) -> None:
    (written,) = logged(line).splitlines()
    moment, _, rest = written.partition(" ")
    assert moment.startswith("timestamp=")
    assert moment.endswith("Z")
    assert rest == 'level=info event="it happened" request=r1 instance=acme document=7'


def test_an_error_brings_its_traceback_in_one_line() -> None:
    written = logged(
        "try: 1/0\nexcept ZeroDivisionError as error: structlog.get_logger().error('oh', exc_info=error)"
    )
    assert written.count("\n") == 1
    assert "ZeroDivisionError" in written


def test_what_is_not_worth_a_line_is_not_written() -> None:
    assert logged("logging.getLogger('alembic.runtime').info('x'); structlog.get_logger().debug('x')") == ""
