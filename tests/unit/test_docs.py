"""What the documentation says is so: generated parts, commands, variables, labels, links, and the site as built."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import click
import pytest

from autotag.cli import group
from autotag.config import ENVIRONMENT
from autotag.configuration.entries import ENTRIES

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
DEPLOYED = sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file())
CODE = re.compile(r"^```\w*\n(.*?)^```|`([^`\n]+)`", re.DOTALL | re.MULTILINE)
# Where a command stands: first in its line, behind sudo, a variable, a pipe or the like, or with its folder.
COMMAND = re.compile(
    r"(?:^[ \t]*(?:sudo +|\w+=\S+ +)*|[|&(] *|bin/)autotag((?: +(?:\"[^\"]*\"|'[^']*'|[^\s|;&<>()`\"']+))+)",
    re.MULTILINE,
)
PLACEHOLDER = re.compile(r"[A-Z_]+|-|\.\.\.")


def mentions(text: str) -> Iterator[str]:
    """What follows `autotag` wherever code calls it."""
    for code in CODE.finditer(text):
        joined = (code[1] or code[2]).replace("\\\n", " ")
        for found in COMMAND.finditer(joined):
            yield found[1].strip()


def refusal(call: str) -> str:
    """Why the real command would refuse a call, or nothing. Files need not be there; capitals stand for values."""
    words = shlex.split(call)
    command: click.Command = group
    context = click.Context(group, info_name="autotag", **group.context_settings)
    while isinstance(command, click.Group):
        while words and words[0].startswith("-"):
            known = {name for option in command.get_params(context) for name in option.opts}
            if words.pop(0) not in known:
                return "no such option of the group"
        if not words or PLACEHOLDER.fullmatch(words[0]):
            return ""
        inner = command.get_command(context, words.pop(0))
        if inner is None:
            return "no such command"
        context = click.Context(inner, info_name=inner.name, parent=context)
        command = inner
    if not words:
        return ""
    try:
        values, left, _ = command.make_parser(context).parse_args(list(words))
        for parameter in command.get_params(context):
            value = values.get(parameter.name)
            if isinstance(value, str) and not PLACEHOLDER.fullmatch(value) and not is_path(parameter):
                parameter.type_cast_value(context, (value,) if parameter.multiple else value)
    except click.ClickException as error:
        return error.format_message()
    return f"too many words: {left}" if left else ""


def is_path(parameter: click.Parameter) -> bool:
    return isinstance(parameter.type, click.Path | click.File)


def test_the_generated_parts_are_current() -> None:
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_every_command_is_one_that_autotag_takes(page: Path) -> None:
    assert {call: why for call in mentions(page.read_text()) if (why := refusal(call))} == {}


def test_the_checks_of_commands_find_what_is_wrong() -> None:
    text = (
        '```bash\nsudo /x/bin/autotag up --port 9000 && autotag\n```\n and `autotag tokens create --user "a b"`'
        "\n```bash\nA=b autotag init\necho KEY | autotag doctor\ninstall -o autotag -g x\n```\n"
    )
    calls = ["up --port 9000", 'tokens create --user "a b"', "init", "doctor"]
    assert list(mentions(text)) == calls
    assert [refusal(call) for call in calls] == [""] * 4
    for wrong in (
        "frobnicate",
        "up --prot 1",
        "up --port many",
        "up more",
        "config set --scope galaxy",
        "--no",
    ):
        assert refusal(wrong), wrong


def test_every_command_is_documented() -> None:
    reference = (ROOT / "docs" / "commands.md").read_text()
    assert re.findall(r"^##+ autotag (\w+)$", reference, re.MULTILINE) == sorted(group.summaries)
    assert sum(len(list(mentions(page.read_text()))) for page in TEXTS) > 60


def test_environment_variables_are_those_that_exist() -> None:
    named = {}
    for page in [*TEXTS, *DEPLOYED]:
        named[page.name] = set(re.findall(r"\bAUTOTAG_[A-Z_]*[A-Z]\b", page.read_text()))
    secrets = {variable.name + "_FILE" for variable in ENVIRONMENT if variable.secret}
    known = {variable.name for variable in ENVIRONMENT} | secrets
    assert {name: strange for name, names in named.items() if (strange := names - known)} == {}
    assert known - secrets <= named["administration.md"]


def test_labels_in_the_guide_are_those_of_the_pages() -> None:
    sources = [*(ROOT / "autotag" / "templates").rglob("*.html"), *(ROOT / "autotag").rglob("*.py")]
    product = "\n".join(path.read_text() for path in sources)
    strange = {
        (page.name, label)
        for page in sorted((ROOT / "docs" / "guide").glob("*.md"))
        for label in re.findall(r"\*\*([^*]+)\*\*", page.read_text())
        if not re.search(rf"[\"'>{{}} ]{re.escape(label)}[\"'<{{}} :,.]", product)
    }
    assert strange == set()


def test_the_guide_has_every_setting_of_the_providers() -> None:
    guide = "\n".join(page.read_text() for page in (ROOT / "docs" / "guide").glob("*.md"))
    for entry in ENTRIES:
        if entry.category == "assets":
            assert f"**{entry.title}**" in guide, entry.title
            assert [field.label for field in entry.fields if f"**{field.label}**" not in guide] == []


def test_every_relative_link_leads_to_a_file() -> None:
    for page in TEXTS:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


class Loaded(HTMLParser):
    """Collects what a page makes a browser load."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.addresses += [given[name] or "" for name in ("src", "srcset", "poster") if given.get(name)]
        if tag == "link":
            self.addresses.append(given.get("href") or "")


def test_the_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {path.relative_to(tmp_path).with_suffix(".md") for path in tmp_path.rglob("*.html")}
    assert {page.relative_to(ROOT / "docs") for page in PAGES} <= pages
    loaded = Loaded()
    for path in tmp_path.rglob("*.html"):
        loaded.feed(path.read_text())
    assert len(loaded.addresses) > 100
    assert [address for address in loaded.addresses if re.match(r"(\w+:)?//", address)] == []
    for path in tmp_path.rglob("*.css"):
        assert not re.search(r"(url\(|@import )[\"']?(https?:)?//", path.read_text()), path.name
