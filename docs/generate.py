"""Writes the parts of the documentation that the code knows: `make docs`. A test checks that they are current."""

import re
import sys
from pathlib import Path

from autotag.config import ENVIRONMENT
from autotag.configuration.declaration import Kind, Scope
from autotag.configuration.entries import ENTRIES
from autotag.configuration.validation import write_text

FOLDER = Path(__file__).resolve().parent


def environment() -> str:
    """The table of environment variables."""
    rows = [
        f"| `{variable.name}` | {variable.help}{' Secret.' if variable.secret else ''} | {variable.default} |"
        for variable in ENVIRONMENT
    ]
    return "\n".join(["| variable | meaning | without it |", "| --- | --- | --- |", *rows])


def configuration() -> str:
    """A section for each configuration entry."""
    sections = []
    for entry in ENTRIES:
        scope = "System scope" if entry.scope is Scope.SYSTEM else "Virtual instance scope"
        lines = [f"### {entry.title} (`{entry.key}`)", "", f"{scope}. {entry.help}", ""]
        lines += ["| field | label | default | meaning |", "| --- | --- | --- | --- |"]
        for field in entry.fields:
            default = "none" if field.kind is Kind.SECRET else write_text(field, field.default) or "empty"
            lines.append(f"| `{field.name}` | {field.label} | {default} | {field.help} |")
        sections.append("\n".join(lines))
    return "\n\n".join(sections)


def filled(text: str) -> str:
    """A document with its generated parts, each between `<!-- name -->` and `<!-- /name -->`, written anew."""
    for part in (environment, configuration):
        name = part.__name__
        pattern = rf"(<!-- {name}: [^>]*-->\n).*?(<!-- /{name} -->)"
        text = re.sub(
            pattern, lambda match, part=part: f"{match[1]}{part()}\n{match[2]}", text, flags=re.DOTALL
        )
    return text


def main() -> None:
    """Write all documents; with --check only say which are not current."""
    stale = [path for path in sorted(FOLDER.glob("*.md")) if filled(path.read_text()) != path.read_text()]
    if "--check" in sys.argv:
        sys.exit(f"not current, run make docs: {', '.join(path.name for path in stale)}" if stale else 0)
    for path in stale:
        path.write_text(filled(path.read_text()))


if __name__ == "__main__":
    main()
