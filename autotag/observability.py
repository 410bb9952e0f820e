"""Logs: one line an event, in one vocabulary in web, worker and scheduler.

`request_id`, `instance` (a Web ID), `job_id`, `document_id`, `worker` and `duration` (in seconds) mean the same
everywhere. What belongs to a request or a job is bound once, where it begins, and stands in each line until it ends.

Callers choose much of what a line tells: paths, file names, addresses, the texts of errors. So the whole line is
escaped after it is rendered, and no control character reaches a log or the terminal that shows it.
"""

import logging
import re
import secrets
import sys
import threading
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from types import TracebackType
from typing import Any, TextIO

import structlog

from autotag.config import LogFormat
from autotag.control_characters import escape_control_characters
from autotag.log_secrets import hide_secrets

FIRST_KEYS = (
    "timestamp",
    "level",
    "event",
    "request_id",
    "instance",
    "job_id",
    "document_id",
    "worker",
    "duration",
)
REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Event = MutableMapping[str, Any]

_name_of: list[Callable[[int], str]] = []


class StandardError(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is when a line comes."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        """Standard error as it is now."""
        return sys.stderr

    @stream.setter
    def stream(self, _stream: TextIO) -> None:
        """Nobody sets another one."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is the standard library's
        """Say in one safe line that a record could not be written; the library's own way prints it raw."""
        told = {"name": record.name, "levelname": "ERROR", "levelno": logging.ERROR}
        with suppress(OSError, ValueError):
            failed = logging.makeLogRecord(
                told | {"msg": "a log line could not be written", "source": record.name}
            )
            self.stream.write(self.format(failed) + self.terminator)


class OneSafeLine:
    """Renders an event by another renderer, then escapes what could act on a terminal or begin a line."""

    def __init__(self, render: structlog.typing.Processor) -> None:
        self._render = render

    def __call__(self, logger: Any, method: str, event: Event) -> str:
        """Return the line."""
        return escape_control_characters(str(self._render(logger, method, event)))


def configure_logging(
    log_format: LogFormat = LogFormat.CONSOLE, level: int = logging.INFO, *, lasting: bool = True
) -> None:
    """Send structlog's and the standard library's records to standard error in one format.

    `lasting` lets loggers remember it, which is quicker, for a process that does nothing else. Such a process also
    logs its warnings and the errors that nothing caught, which Python would print as they are.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _name_instance,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=lasting,
    )
    handler = StandardError()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                OneSafeLine(_renderer(log_format)),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if lasting:
        _log_what_nothing_caught()


def _log_what_nothing_caught() -> None:
    logging.captureWarnings(True)
    log = structlog.stdlib.get_logger(__name__)

    def in_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            log.critical("the process ends with an error", exc_info=(kind, error, trace))

    def in_thread(failure: threading.ExceptHookArgs) -> None:
        if failure.exc_type is not SystemExit:
            trace = (failure.exc_type, failure.exc_value, failure.exc_traceback)
            log.error(
                "a thread ended with an error", thread=getattr(failure.thread, "name", ""), exc_info=trace
            )

    def in_cleanup(failure: "sys.UnraisableHookArgs") -> None:
        trace = (failure.exc_type, failure.exc_value, failure.exc_traceback)
        log.error("an error could not be raised", source=repr(failure.object), exc_info=trace)

    sys.excepthook, threading.excepthook, sys.unraisablehook = in_process, in_thread, in_cleanup


def name_instances(name_of: Callable[[int], str]) -> None:
    """Say how this process finds the Web ID of an instance of which a line has the number only."""
    _name_of[:] = [name_of]


def _name_instance(_logger: object, _method: str, event: Event) -> Event:
    """Name the instance by its Web ID, which people know, also where the code has its number only."""
    number = event.pop("instance_id", None)
    if number is not None and "instance" not in event:
        event["instance"] = _name_of[0](number) if _name_of else number
    return event


def accept_request_id(offered: str | None) -> str:
    """Return a request id that somebody in front of us has given if it can stand in a log, else a new one."""
    if offered and REQUEST_ID.fullmatch(offered):
        return offered
    return secrets.token_hex(8)


def current_request_id() -> str | None:
    """Return the id of the request that is being answered, or on whose behalf a job runs; None without one."""
    found: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return found


def _renderer(log_format: LogFormat) -> structlog.typing.Processor:
    if log_format is LogFormat.JSON:
        return structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    return structlog.processors.LogfmtRenderer(key_order=FIRST_KEYS, drop_missing=True)
