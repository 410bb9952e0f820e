import gc
from collections.abc import Callable

import pytest
from flask import Flask

from autotag.config import Config
from autotag.serving.web import WebServer
from autotag.serving.web_worker import PatientWorker


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1:8000"), ("localhost", "localhost:8000"), ("::1", "[::1]:8000")],
)
def test_it_listens_where_it_is_told(config: Config, host: str, address: str) -> None:
    assert WebServer(config, host=host, port=8000).cfg.bind == [address]


def test_one_process_serves_with_threads(config: Config) -> None:
    settings = WebServer(config, host="localhost", port=8000).cfg
    assert (settings.workers, settings.worker_class) == (1, PatientWorker)
    assert settings.threads > 1


def test_it_serves_the_application_of_its_configuration_and_keeps_it_from_collections(
    config: Config, build_app: Callable[[Config], Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autotag.create_app", build_app)
    app = WebServer(config, host="localhost", port=8000).load()
    assert app.extensions["autotag"].config is config
    assert not any(one is app for one in gc.get_objects())
