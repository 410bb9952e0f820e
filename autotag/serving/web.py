"""The web server: gunicorn with threads, started from here so that one command serves everything."""

from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
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


class WebServer(BaseApplication):  # type: ignore[misc]  # gunicorn carries no types
    """Gunicorn for the application, which only the one worker loads: what watches it stays small."""

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
            "logger_class": SharedLogger,
            "proc_name": "autotag web",
            # It would be made in the home folder, and nothing is written outside the instance folder.
            "control_socket_disable": True,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Build the application."""
        from autotag import create_app

        return create_app(self._config)
