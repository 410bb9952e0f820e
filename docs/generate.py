"""Writes the parts of the documentation that the code knows: `make docs`. A test checks that they are current."""

import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from autotag.cli import group
from autotag.config import ENVIRONMENT, Config
from autotag.configuration.declaration import Kind, Scope
from autotag.configuration.entries import ENTRIES
from autotag.configuration.validation import write_text

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
PART = re.compile(
    r"(<!-- (?P<name>[\w-]+)(?: (?P<file>\S+))?: [^>]*-->\n).*?(<!-- /(?P=name) -->)", re.DOTALL
)
LANGUAGES = {".service": "ini", ".conf": "nginx", ".yaml": "yaml"}


def table(*rows: tuple[str, ...]) -> str:
    """A table in Markdown; the first row is its head."""
    head, *body = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join([head, f"|{' --- |' * len(rows[0])}", *body])


def environment() -> str:
    """The table of environment variables."""
    rows = [
        (f"`{variable.name}`", f"{variable.help}{' Secret.' if variable.secret else ''}", variable.default)
        for variable in ENVIRONMENT
    ]
    return table(("variable", "meaning", "without it"), *rows)


def configuration() -> str:
    """A section for each configuration entry."""
    sections = []
    for entry in ENTRIES:
        scope = "System scope" if entry.scope is Scope.SYSTEM else "Virtual instance scope"
        rows = []
        for field in entry.fields:
            default = "none" if field.kind is Kind.SECRET else write_text(field, field.default) or "empty"
            rows.append((f"`{field.name}`", field.label, default, field.help))
        lines = [f"### {entry.title} (`{entry.key}`)", "", f"{scope}. {entry.help}", ""]
        sections.append("\n".join(lines) + "\n" + table(("field", "label", "default", "meaning"), *rows))
    return "\n\n".join(sections)


def every_command() -> Iterator[tuple[str, click.Context]]:
    """Each command with its name, depth first."""

    def below(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Context]]:
        yield context.command_path, context
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                if inner := command.get_command(context, name):
                    yield from below(inner, click.Context(inner, info_name=name, parent=context))

    yield from below(
        group, click.Context(group, info_name="autotag", terminal_width=100, **group.context_settings)
    )


def commands() -> str:
    """The help of each command."""
    sections = []
    for path, context in every_command():
        mark = "##" if path.count(" ") < 2 else "###"
        sections.append(f"{mark} {path}\n\n```text\n{context.command.get_help(context).rstrip()}\n```")
    return "\n\n".join(sections)


def openapi() -> dict[str, Any]:
    """The OpenAPI document, of an installation that nobody runs."""
    from autotag import create_app
    from autotag.blueprints.api.specification import openapi_document

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = Config(
            instance_path=folder,
            database_url=f"sqlite:///{folder / 'none.sqlite'}",
            storage_path=folder / "files",
            secret_key="for nothing",  # noqa: S106 - nothing is signed
            admin_email="nobody@localhost",
        )
        with create_app(config).app_context():
            return openapi_document()


def calls() -> str:
    """The calls of the API, in a table for each section."""
    document = openapi()
    sections = []
    for tag in document["tags"]:
        rows = [
            (f"`{method.upper()}`", f"`{path}`", operation["summary"].rstrip("."), operation["x-role"])
            for path, item in document["paths"].items()
            for method, operation in item.items()
            if method != "parameters" and tag["name"] in operation["tags"]
        ]
        heads = ("method", "address", "does", "needs at least")
        sections.append(f"### {tag['name']}\n\n{tag['description']}\n\n{table(heads, *rows)}")
    return "\n\n".join(sections)


def problems() -> str:
    """The codes of what can go wrong."""
    from autotag.blueprints.api.problems import PROBLEMS

    rows = [(f"`{code}`", str(kind.status), kind.when) for code, kind in PROBLEMS.items()]
    return table(("code", "status", "when"), *rows)


PARTS: dict[str, Callable[[], str]] = {
    part.__name__: part for part in (environment, configuration, commands, calls, problems)
}


def listing(name: str) -> str:
    """A file of this project, word for word."""
    path = ROOT / name
    return f"```{LANGUAGES.get(path.suffix, 'text')}\n{path.read_text().rstrip()}\n```"


def filled(text: str) -> str:
    """A document with its generated parts, each between `<!-- name: ... -->` and `<!-- /name -->`, written anew."""

    def write(match: re.Match[str]) -> str:
        part = listing(match["file"]) if match["name"] == "listing" else PARTS[match["name"]]()
        return f"{match[1]}{part}\n{match[4]}"

    return PART.sub(write, text)


def main() -> None:
    """Write all documents; with --check only say which are not current."""
    documents = {path: path.read_text() for path in sorted(FOLDER.rglob("*.md"))}
    stale = {path: new for path, text in documents.items() if (new := filled(text)) != text}
    if "--check" in sys.argv:
        sys.exit(f"not current, run make docs: {', '.join(path.name for path in stale)}" if stale else 0)
    for path, text in stale.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
