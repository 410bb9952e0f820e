"""`autotag up`."""

import errno
import fcntl
import json
import os
import shlex
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autotag.cli.common.environment import load_config
from autotag.cli.output import echo
from autotag.config import Config, LogFormat

if TYPE_CHECKING:
    from autotag.serving.forker_client import Forker
    from autotag.serving.supervisor import Supervisor

START_SECONDS = 60.0
STANDARD_ERROR = 2


@click.command(name="up")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--workers", type=click.IntRange(1, 64), help="Workers; AUTOTAG_WORKERS or one a core when not given."
)
@click.option("--quick-start", is_flag=True, help="Also enable TensorFlow tagging in the default instance.")
def command(host: str, port: int, workers: int | None, quick_start: bool) -> None:
    """Set up what is missing and run everything until Ctrl-C: web, workers, scheduler, and an embedded broker
    unless AUTOTAG_REDIS_URL names one.

    \b
    Example:
      autotag up --port 8080 --workers 4
    """
    from autotag.serving.forker_client import Forker

    config = load_config()
    with _alone(config.instance_path):
        _check_port(host, port)
        with closing(Forker("autotag.cli.forker")) as forker:
            supervisor = _supervisor(config)
            # The broker starts while the forker is still loading.
            with supervisor.needed_starting():
                sign_in = _set_up(forker, quick_start)
            _add_parts(supervisor, forker, host, port, workers or config.workers)
            announce = threading.Thread(target=_announce, args=(config, host, port, sign_in), daemon=True)
            supervisor.loop(announce.start)
            sys.exit(supervisor.returncode or 0)


def _set_up(forker: "Forker", quick_start: bool) -> dict[str, str | None]:
    """Run `autotag init`; in a process of its own, because this one stays and should stay small."""
    part = forker.start(
        ["init", "--json", *(["--quick-start"] if quick_start else [])], errors=STANDARD_ERROR
    )
    with part.stdout:
        told = part.stdout.read()
    if part.wait():
        raise SystemExit(1)
    answer: dict[str, str | None] = json.loads(told)
    return answer


def _supervisor(config: Config) -> "Supervisor":
    """Return a supervisor with the embedded broker as its part, unless there is another."""
    from honcho.printer import Printer

    from autotag.serving.supervisor import Supervisor

    # A name before a line of JSON would make it none.
    printer = Printer(prefix=config.log_format is not LogFormat.JSON)
    supervisor = Supervisor(printer=printer, needed=("broker",))
    if config.redis_url is None:
        command = [sys.executable, "-m", "autotag.serving.broker"]
        # The shell that starts it becomes it, so that its parent is this process.
        command += [str(config.instance_path), str(config.broker_socket_path), str(os.getpid())]
        supervisor.add_process("broker", "exec " + shlex.join(command))
    return supervisor


def _add_parts(supervisor: "Supervisor", forker: "Forker", host: str, port: int, workers: int) -> None:
    parts = {"web": ["web", "--host", host, "--port", str(port)]}
    for number in range(1, workers + 1):
        parts[f"worker-{number}"] = ["worker", "--name", f"worker-{number}"]
    parts["scheduler"] = ["scheduler"]
    for name, arguments in parts.items():
        supervisor.add_part(name, partial(forker.start, arguments))


def _announce(config: Config, host: str, port: int, sign_in: dict[str, str | None]) -> None:
    """Say where to go once the web server listens."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.settimeout(1)
            if probe.connect_ex((_reachable(host), port)) == 0:
                break
        time.sleep(0.05)
    password = sign_in["password"]
    address = f"http://{config.base_domain}:{port}/"
    lines = ["", f"  Autotag is ready at  {address}", f"  Sign in as           {sign_in['email']}"]
    lines.append(
        f"  Password             {password}" if password else "  Password             the one you set"
    )
    echo("\n".join([*lines, "  Stop with Ctrl-C", ""]))
    sys.stdout.flush()


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - nothing is bound here


def _check_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise click.ClickException(
                    f"Port {port} is in use by another program; choose another, for example: make run PORT={port + 1}"
                ) from error
            raise click.ClickException(f"Cannot listen on {host} port {port}: {error.strerror}.") from error


@contextmanager
def _alone(instance_path: Path) -> Iterator[None]:
    """Hold the instance folder: two installations at work in one would share a broker and fight over a database."""
    with (instance_path / ".up.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise click.ClickException(f"Autotag is running in {instance_path} already.") from error
        yield
