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
