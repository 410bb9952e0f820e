import json
import subprocess
import sys

import pytest
import structlog

from autotag.observability import accept_request_id, current_request_id

LOG = """
import logging, structlog, sys
from autotag.config import LogFormat
from autotag.observability import configure_logging
configure_logging(LogFormat('{log_format}'))
structlog.contextvars.bind_contextvars(request_id="r1", instance="acme")
{line}
"""


def logged(line: str, log_format: str = "console") -> str:
    """What a line of code writes to standard error, in a process of its own: logging is the whole process's."""
    done = subprocess.run(
        [sys.executable, "-c", LOG.format(line=line, log_format=log_format)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "structlog.stdlib.get_logger('ours').info('it happened', document_id=7)",
        "logging.getLogger('theirs').info('it happened', extra={'document_id': 7})",
    ],
)
def test_our_lines_and_those_of_libraries_have_the_same_keys(line: str) -> None:
    (written,) = logged(line).splitlines()
    moment, _, rest = written.partition(" ")
    assert moment.startswith("timestamp=")
    assert moment.endswith("Z")
    assert rest == 'level=info event="it happened" request_id=r1 instance=acme document_id=7'


def test_an_error_brings_its_traceback_in_one_line() -> None:
    written = logged(
        "try: 1/0\nexcept ZeroDivisionError as error: structlog.get_logger().error('oh', exc_info=error)"
    )
    assert written.count("\n") == 1
    assert "ZeroDivisionError" in written


def test_what_is_not_worth_a_line_is_not_written() -> None:
    assert logged("logging.getLogger('alembic.runtime').info('x'); structlog.get_logger().debug('x')") == ""


def test_a_program_gets_one_object_a_line() -> None:
    (line,) = logged(
        "structlog.get_logger().warning('it happened', document_id=7, files=2)", "json"
    ).splitlines()
    written = json.loads(line)
    assert written.pop("timestamp").endswith("Z")
    assert written == {
        "event": "it happened",
        "level": "warning",
        "request_id": "r1",
        "instance": "acme",
        "document_id": 7,
        "files": 2,
    }


def test_an_instance_is_named_by_its_web_id_also_where_only_its_number_is_known() -> None:
    line = (
        "from autotag.observability import name_instances; structlog.contextvars.unbind_contextvars('instance')\n"
        "name_instances({7: 'globex'}.__getitem__); structlog.get_logger().info('x', instance_id=7)"
    )
    assert "instance=globex" in logged(line)
    assert "instance_id" not in logged(line)


def test_a_secret_in_a_traceback_is_hidden() -> None:
    written = logged(
        "try: raise ValueError('https://x.test/?key=AIza123')\n"
        "except ValueError as error: logging.getLogger('theirs').error('oh', exc_info=error)"
    )
    assert "AIza123" not in written.replace("raise ValueError", "")
    assert "(hidden)" in written


@pytest.mark.parametrize("offered", ["abc", "7d3f-1.2_x", "A" * 64])
def test_a_request_id_of_whoever_is_in_front_is_kept(offered: str) -> None:
    assert accept_request_id(offered) == offered


@pytest.mark.parametrize("offered", [None, "", "a b", "a\nb", "A" * 65, "<script>", "-x", "ä"])
def test_one_that_cannot_stand_in_a_log_is_replaced(offered: str | None) -> None:
    made = accept_request_id(offered)
    assert made != offered
    assert accept_request_id(made) == made


def test_without_a_request_there_is_no_id() -> None:
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        assert current_request_id() == "r1"
        structlog.contextvars.clear_contextvars()
        assert current_request_id() is None


HOSTILE = "".join(
    map(chr, [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0x202E, 0x2066, 0x200F, 0xFEFF])
)
"""C0, DEL, C1, line separators, and what turns the direction of a text."""

WAYS_INTO_A_LOG = [
    # Our own lines: a value, a list, any object, the event itself, what is bound to the request, an error's text.
    "structlog.get_logger().warning('x', path=hostile)",
    "structlog.get_logger().warning('x', names=[hostile])",
    "structlog.get_logger().warning('x', it=type('T', (), {'__str__': lambda self: hostile})())",
    "structlog.get_logger().warning(hostile)",
    "structlog.contextvars.bind_contextvars(x=hostile); structlog.get_logger().info('x')",
    "try: raise ValueError(hostile)\nexcept ValueError: structlog.get_logger().exception('x')",
    # Those of libraries, the web server's among them.
    "logging.getLogger('lib').warning(hostile)",
    "logging.getLogger('lib').warning('%s', hostile)",
    "logging.getLogger('lib').warning('x', extra={'agent': hostile})",
    "try: raise OSError(2, hostile)\nexcept OSError: logging.getLogger('lib').exception('x')",
    "from gunicorn.config import Config; from autotag.serving.web import SharedLogger\n"
    "SharedLogger(Config()).warning('Invalid request: %s', hostile)",
    "logging.getLogger('marked').warning('%d', hostile)",
    # What Python prints itself, unless it is told otherwise.
    "import warnings; warnings.warn(hostile)",
    "import threading\ndef die(): raise ValueError(hostile)\n"
    "thread = threading.Thread(target=die); thread.start(); thread.join()",
    "class Dying:\n    def __del__(self): raise ValueError(hostile)\nDying()",
    "raise ValueError(hostile)",
]


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_no_control_character_reaches_a_log_raw(log_format: str) -> None:
    code = LOG.format(line=f"hostile = {HOSTILE!a} + 'marked'", log_format=log_format) + "\n".join(
        WAYS_INTO_A_LOG
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    written = (done.stdout + done.stderr).decode()
    # Read as terminals do: LF ends a line, and so would all that splitlines() knows.
    lines = written.removesuffix("\n").split("\n")
    assert len(lines) == len(written.splitlines()) == len(WAYS_INTO_A_LOG)
    assert [line for line in lines if "marked" not in line] == []
    assert [letter for line in lines for letter in line if letter in HOSTILE] == []
    if log_format == "json":
        assert [json.loads(line)["level"] for line in lines[-4:]] == ["warning", "error", "error", "critical"]
