"""The web server: gunicorn with threads, started from here so that one command serves everything."""

import gc
import logging
import os
import sys
from typing import Any, NoReturn

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from autotag.config import Config
from autotag.serving.web_worker import MOST_CONNECTIONS

THREADS = 8


class SharedLogger(Logger):  # type: ignore[misc]  # gunicorn carries no types
    """Gunicorn's own lines, in the format of all others."""

    def setup(self, cfg: Any) -> None:
        """Leave the writing to the process's log."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class SoleWorker(Arbiter):  # type: ignore[misc]  # gunicorn carries no types
    """What starts gunicorn's worker, and becomes it.

    Gunicorn's own forks the worker and stays, to start it again when it dies. Whoever started `autotag web` does that
    already, and the second process would hold memory that nobody shares with it.
    """

    def run(self) -> NoReturn:
        """Listen, and serve until a signal ends it."""
        self.start()
        worker = self.worker_class(
            1, os.getppid(), self.LISTENERS, self.app, self.timeout, self.cfg, self.log
        )
        worker.pid = self.pid
        code = os.EX_OK
        # SIGINT and SIGQUIT raise SystemExit, SIGTERM lets it return.
        try:
            worker.init_process()
        except (SystemExit, Exception) as error:
            if not worker.booted:
                raise
            if not isinstance(error, SystemExit):
                self.log.exception("the web server failed and ends")
                code = os.EX_SOFTWARE
        logging.shutdown()
        sys.stdout.flush()
        # What is still under way has had its time: an ordinary end would wait for its threads.
        os._exit(code)


class WebServer(BaseApplication):  # type: ignore[misc]  # gunicorn carries no types
    """Gunicorn for the application, in one process."""

    def __init__(self, config: Config, *, host: str, port: int) -> None:
        self._config = config
        self._address = f"{host}:{port}" if ":" not in host else f"[{host}]:{port}"
        super().__init__()

    def load_config(self) -> None:
        """Give gunicorn its settings."""
        settings: dict[str, Any] = {
            "bind": [self._address],
            "workers": 1,
            "worker_class": "autotag.serving.web_worker.PatientWorker",
            "threads": THREADS,
            "worker_connections": MOST_CONNECTIONS,
            "timeout": 120,
            "graceful_timeout": 8,
            "keepalive": 15,
            # Eight tags to filter by, of 75 letters that are percent-encoded, are longer than the usual 4094.
            "limit_request_line": 8190,
            "loglevel": "warning",
            # Nobody is believed here, not even this machine: AUTOTAG_PROXIES says who is (blueprints/security.py).
            "forwarded_allow_ips": "",
            "forwarder_headers": "",
            "logger_class": SharedLogger,
            "proc_name": "autotag web",
            # It would be made in the home folder, and nothing is written outside the instance folder.
            "control_socket_disable": True,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def run(self) -> NoReturn:
        """Serve until a signal ends it."""
        SoleWorker(self).run()

    def load(self) -> Flask:
        """Build the application."""
        from autotag import create_app

        app = create_app(self._config)
        # It stays until the end: a full collection that looks through it holds a page up for a tenth of a second.
        gc.freeze()
        return app
