"""`autotag config`."""

import json
from typing import Any

import click
from sqlalchemy.orm import Session

from autotag.cli.common.database import actor, reading, writing
from autotag.cli.common.environment import load_config, read_line
from autotag.cli.common.options import JSON
from autotag.cli.output import echo, echo_exact
from autotag.config import Config
from autotag.configuration.context import installed_choices, secret_box
from autotag.configuration.declaration import Entry, Scope
from autotag.configuration.entries import ENTRIES, UnknownEntry, find_entry
from autotag.configuration.export import export
from autotag.configuration.store import (
    Place,
    Resolved,
    Submission,
    reset,
    resolve,
    save,
    shown_values,
)
from autotag.configuration.stored_secrets import rotate_secrets, unreadable_secrets
from autotag.inference.installing.store import ModelStore
from autotag.instances import second_factor
from autotag.instances.administration import find_by_web_id
from autotag.models import Level
from autotag.tagging.provider_health.on_settings_saved import configuration_changed
from autotag.webhooks.registry import rotate_webhook_secrets, unreadable_webhooks

STORED = "(stored)"


@click.group(name="config")
def command() -> None:
    """Read and change configuration entries, as System Settings and Instance Settings do.

    \b
    Examples:
      autotag config list
      autotag config get --scope instance --instance acme tensorflow
      autotag config set --scope default tensorflow confidence_threshold 0.3
      echo KEY | autotag config set --scope instance --instance acme google-cloud-vision api_key -
    """


def _place_options(function: click.decorators.FC) -> click.decorators.FC:
    function = click.option("--instance", "web_id", help="Web ID, with --scope instance.")(function)
    return click.option(
        "--scope",
        required=True,
        type=click.Choice([level.value for level in Level]),
        help="system: the installation; default: all instances; instance: one of them.",
    )(function)


def _find(key: str) -> Entry:
    try:
        return find_entry(key)
    except UnknownEntry as error:
        raise click.ClickException(str(error)) from error


def _place(session: Session, entry: Entry, scope: str, web_id: str | None) -> Place:
    level = Level(scope)
    wants_system = entry.scope is Scope.SYSTEM
    if wants_system != (level is Level.SYSTEM):
        right = "system" if wants_system else "default or instance"
        raise click.UsageError(f"{entry.key} is configured with --scope {right}.")
    if (level is Level.INSTANCE) != bool(web_id):
        raise click.UsageError("--scope instance goes with --instance WEB_ID, and only with it.")
    return Place.of(entry, find_by_web_id(session, web_id).id if web_id else None)


@command.command(name="list")
@JSON
def list_entries(as_json: bool) -> None:
    """List the entries and their fields."""
    if as_json:
        echo(
            json.dumps(
                [
                    {
                        "entry": entry.key,
                        "title": entry.title,
                        "scope": entry.scope,
                        "fields": [
                            {"name": field.name, "label": field.label, "kind": field.kind, "help": field.help}
                            for field in entry.fields
                        ],
                    }
                    for entry in ENTRIES
                ]
            )
        )
        return
    for entry in ENTRIES:
        scope = "--scope system" if entry.scope is Scope.SYSTEM else "--scope default or instance"
        echo(f"{entry.key}  ({entry.title}; {scope})")
        for field in entry.fields:
            echo(f"  {field.name:<44} {field.help}")


@command.command()
@_place_options
@click.argument("entry")
@click.argument("field", required=False)
@JSON
def get(scope: str, web_id: str | None, entry: str, field: str | None, as_json: bool) -> None:
    """Print an entry's values in force, or one field's. A secret is never printed, only whether one is stored."""
    declared = _find(entry)
    _check_field(declared, field)
    with reading(load_config()) as session:
        resolved = resolve(session, _place(session, declared, scope, web_id))
    texts = _texts(resolved)
    if as_json:
        answer = _described(resolved)
        echo(json.dumps(answer["values"][field] if field else answer))
    elif field:
        echo_exact(texts[field] + "\n")
    else:
        for name, text in texts.items():
            echo(f"{name}={text}")


# A value may begin with a minus: what is no option of ours is one.
@command.command(name="set", context_settings={"ignore_unknown_options": True})
@_place_options
@click.argument("entry")
@click.argument("field")
@click.argument("value")
@JSON
def set_value(scope: str, web_id: str | None, entry: str, field: str, value: str, as_json: bool) -> None:
    """Change one field. VALUE - reads it from standard input, so that a secret stays out of the shell's history."""
    config = load_config()
    declared = _find(entry)
    _check_field(declared, field)
    if value == "-":
        value = read_line()
    with writing(config) as work:
        place = _place(work.session, declared, scope, web_id)
        texts = shown_values(resolve(work.session, place)) | {field: value}
        remove = frozenset({field}) if declared.field(field).is_secret and not value else frozenset()
        submission = Submission(texts, actor(), remove=remove)
        save(work, place, submission, box=secret_box(config), choices=_choices(config))
        configuration_changed(work, place)
        resolved = resolve(work.session, place)
    if as_json:
        echo(json.dumps(_described(resolved)))


@command.command(name="reset")
@_place_options
@click.argument("entry")
@JSON
def reset_entry(scope: str, web_id: str | None, entry: str, as_json: bool) -> None:
    """Remove the saved values, so that the entry inherits again."""
    declared = _find(entry)
    with writing(load_config()) as work:
        place = _place(work.session, declared, scope, web_id)
        reset(work, place, actor())
        configuration_changed(work, place)
        resolved = resolve(work.session, place)
    if as_json:
        echo(json.dumps(_described(resolved)))


@command.command(name="export")
@_place_options
@click.argument("entry")
@JSON
def export_entry(scope: str, web_id: str | None, entry: str, as_json: bool) -> None:
    """Print the entry as a .config file, without secrets."""
    declared = _find(entry)
    with reading(load_config()) as session:
        text = export(resolve(session, _place(session, declared, scope, web_id)))
    if as_json:
        echo(json.dumps({"entry": declared.key, "config": text}))
    else:
        echo_exact(text)


@command.command(name="rotate-secrets")
@JSON
def rotate(as_json: bool) -> None:
    """Encrypt stored secrets with the current secret key, after AUTOTAG_SECRET_KEY was changed and the earlier
    one was given as AUTOTAG_SECRET_KEY_FALLBACKS. Those that cannot be read are named, and stay as they are."""
    config = load_config()
    with writing(config) as work:
        box = secret_box(config)
        count = rotate_secrets(work, box) + rotate_webhook_secrets(work, box)
        count += second_factor.rotate_secrets(work, box)
        unreadable = unreadable_secrets(work.session, box) + unreadable_webhooks(work.session, box)
    echo(
        json.dumps({"encrypted": count, "unreadable": unreadable})
        if as_json
        else f"{count} secrets encrypted anew"
    )
    if unreadable:
        raise click.ClickException(f"These cannot be read; enter them again: {'; '.join(unreadable)}.")


def _described(resolved: Resolved) -> dict[str, Any]:
    """Describe values in force for a program; of a secret only whether one is stored."""
    shown = shown_values(resolved)
    values = {
        field.name: resolved.values[field.name] if field.name in shown else bool(resolved.values[field.name])
        for field in resolved.entry.fields
    }
    return {"entry": resolved.entry.key, "source": resolved.source, "values": values}


def _check_field(entry: Entry, field: str | None) -> None:
    names = [declared.name for declared in entry.fields]
    if field is not None and field not in names:
        raise click.ClickException(f"{entry.key} has no field {field!r}; it has: {', '.join(names)}.")


def _texts(resolved: Resolved) -> dict[str, str]:
    shown = shown_values(resolved)
    return {
        field.name: shown.get(field.name, STORED if resolved.values[field.name] else "")
        for field in resolved.entry.fields
    }


def _choices(config: Config) -> dict[str, list[tuple[str, str]]]:
    return {name: list(pairs) for name, pairs in installed_choices(ModelStore(config.models_path)).items()}
