"""`autotag tag`."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from autotag.cli.common.environment import load_config
from autotag.cli.output import echo
from autotag.control_characters import escape_control_characters
from autotag.inference.errors import ImageRejected, ModelRejected, ProcessCrashed
from autotag.inference.installing.store import ModelStore
from autotag.inference.models.catalogue import DEFAULT_MODEL
from autotag.inference.process.process import ImageRequest, ImageResult, InferenceProcess
from autotag.media.sniffing import claims_to_be_image
from autotag.tagging.policy import Candidate, Verdict, decide


@dataclass(frozen=True, slots=True)
class _Options:
    model: str
    threshold: float
    limit: int


@click.command(name="tag")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Name of an installed model.")
@click.option(
    "--threshold",
    default=0.1,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Smallest confidence of a tag.",
)
@click.option("--limit", default=0, type=click.IntRange(0), help="Most tags for a file; 0 for no limit.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line and nothing else.")
def command(paths: tuple[Path, ...], model: str, threshold: float, limit: int, as_json: bool) -> None:
    """Tag image files without a server, database or account. Folders are walked.

    \b
    Examples:
      autotag tag photograph.jpg
      autotag tag --threshold 0.5 --json holiday/
    """
    store = ModelStore(load_config().models_path)
    options = _Options(model, threshold, limit)
    try:
        if model == DEFAULT_MODEL:
            store.install_default()
        store.get(model)
    except ModelRejected as error:
        raise click.ClickException(str(error)) from error
    failed = False
    with InferenceProcess() as process:
        for path in _files(paths):
            answer = _tag(path, process, store, options)
            failed = failed or "error" in answer
            echo(json.dumps(answer, ensure_ascii=False) if as_json else _line(answer))
    sys.exit(1 if failed else 0)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield files as named, and of a folder those named like images, in the order of their names."""
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.is_file() and claims_to_be_image(file.name):
                    yield file
        else:
            yield path


def _tag(path: Path, process: InferenceProcess, store: ModelStore, options: _Options) -> dict[str, object]:
    try:
        _check_readable(path)
        result = process.process(ImageRequest(path=path, model=store.path(options.model)))
    except ImageRejected as error:
        return _failure(path, error.code, error.message)
    except ModelRejected as error:
        raise click.ClickException(str(error)) from error
    except ProcessCrashed as error:
        return _failure(path, "process_died", error.reason)
    except OSError as error:
        return _failure(path, "unreadable_file", f"The file cannot be read: {error.strerror}.")
    return {
        "file": click.format_filename(path),
        "model": options.model,
        "width": result.width,
        "height": result.height,
        "tags": _tags(result, options),
    }


def _check_readable(path: Path) -> None:
    with path.open("rb"):
        pass


def _tags(result: ImageResult, options: _Options) -> list[dict[str, object]]:
    candidates = [
        Candidate(prediction.name, prediction.confidence, "tensorflow", options.model, options.threshold)
        for prediction in result.predictions
    ]
    return [
        {"name": decision.name, "confidence": round(decision.candidate.confidence, 4)}
        for decision in decide(candidates, maximum=options.limit)
        if decision.verdict is Verdict.ACCEPTED
    ]


def _failure(path: Path, code: str, message: str) -> dict[str, object]:
    return {"file": click.format_filename(path), "error": {"code": code, "message": message}}


def _line(answer: dict[str, object]) -> str:
    match answer:
        case {"file": file, "error": {"message": message}}:
            return f"{escape_control_characters(str(file))}: {message}"
        case {"file": file, "tags": list(tags)}:
            text = ", ".join(f"{tag['name']} {tag['confidence']:.2f}" for tag in tags)
            return f"{escape_control_characters(str(file))}: {text or 'no tags'}"
    return str(answer)
