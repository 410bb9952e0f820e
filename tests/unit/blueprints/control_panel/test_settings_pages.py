"""System Settings and Instance Settings: pages made from the declaration."""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

import autotag
from autotag.cli import config as config_command
from autotag.configuration import entries as declared
from autotag.configuration.declaration import Entry, Kind, Scope, boolean, integer
from autotag.inference.installing.store import ModelStore
from tests.unit.blueprints.conftest import INSTANCE, SYSTEM, Browser, control, form_values, said, save

NOT_SAVED = "This configuration is not saved yet. The values shown are the default."
REPOSITORY = Path(autotag.__file__).parents[1]
TEMPLATES = REPOSITORY / "autotag" / "templates"


A_NEW_ENTRY = Entry(
    key="thing-counting",
    title="Thing Counting",
    category="assets",
    scope=Scope.INSTANCE,
    help="Whether things are counted.",
    fields=(
        boolean("enabled", "Enable Thing Counting", False, "Counts the things in a picture."),
        integer("most", "Maximum Number of Things", 7, "The most things.", minimum=1, maximum=9),
    ),
)


def test_a_new_entry_is_in_form_search_command_and_export(
    administrator: Browser, command: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (declared, config_command):
        monkeypatch.setattr(module, "ENTRIES", (*declared.ENTRIES, A_NEW_ENTRY))
    path = f"{INSTANCE}/thing-counting"
    page = administrator.page(path)
    assert control(page, "most")["value"] == "7"
    assert "Counts the things in a picture." in said(page)
    assert "Thing Counting" in said(administrator.page(f"{INSTANCE}?q=things"))
    assert "thing-counting" in command("list")
    assert save(administrator, path, {"enabled": "true", "most": "9"}) == 303
    assert administrator.get(f"{path}/export").text == 'enabled="true"\nmost="9"\n'
    assert save(administrator, path, {"most": "10"}) == 422


def test_a_new_entry_is_inherited_and_documented(
    system_administrator: Browser, administrator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    documentation = runpy.run_path(str(REPOSITORY / "docs" / "generate.py"))
    write = documentation["configuration"]
    monkeypatch.setattr(declared, "ENTRIES", (*declared.ENTRIES, A_NEW_ENTRY))
    monkeypatch.setitem(write.__globals__, "ENTRIES", (*documentation["ENTRIES"], A_NEW_ENTRY))
    assert save(system_administrator, f"{SYSTEM}/thing-counting", {"most": "9"}) == 303
    page = administrator.page(f"{INSTANCE}/thing-counting")
    assert control(page, "most")["value"] == "9"
    assert "inherited from System Settings" in said(page)
    assert "### Thing Counting (`thing-counting`)" in write()
    assert "| `most` | Maximum Number of Things | 7 | The most things. |" in write()


@pytest.mark.parametrize("entry", declared.ENTRIES, ids=lambda entry: entry.key)
def test_a_form_shows_what_is_declared(
    system_administrator: Browser, models: ModelStore, entry: Entry
) -> None:
    page = system_administrator.page(f"{SYSTEM}/{entry.key}")
    assert NOT_SAVED in said(page)
    assert page.find("h1").get_text() == entry.title
    for field in entry.fields:
        found = control(page, field.name)
        label = page.find("label", attrs={"for": found["id"]})
        assert label.get_text() == field.label
        assert field.help in [page.find(id=part).get_text() for part in found["aria-describedby"].split()]
        assert (found["type"] if found.name == "input" else "select") == {
            Kind.BOOLEAN: "checkbox",
            Kind.CHOICE: "select",
            Kind.SECRET: "password",
            Kind.ADDRESS: "url",
        }.get(field.kind, "text")


def test_no_label_and_no_limit_stands_in_a_template() -> None:
    templates = "".join(file.read_text() for file in TEMPLATES.rglob("*.html"))
    for entry in declared.ENTRIES:
        for field in entry.fields:
            # "Enabled" is a word of the language; a label of two words and more is not.
            assert " " not in field.label or field.label not in templates
            assert field.help not in templates


def test_scopes_have_their_headings(system_administrator: Browser, administrator: Browser) -> None:
    page = said(system_administrator.page(f"{SYSTEM}/tensorflow"))
    assert page.index("SYSTEM SCOPE") < page.index("VIRTUAL INSTANCE SCOPE")
    own = said(administrator.page(f"{INSTANCE}/tensorflow"))
    assert "VIRTUAL INSTANCE SCOPE" in own
    assert "SYSTEM SCOPE" not in own


def test_the_breadcrumb_leads_back(system_administrator: Browser) -> None:
    trail = system_administrator.page(f"{SYSTEM}/tensorflow").find("nav", attrs={"aria-label": "Breadcrumb"})
    assert [step.get_text() for step in trail.find_all("li")] == [
        "Control Panel",
        "Configuration",
        "System Settings",
        "Assets",
        "TensorFlow Image Auto Tagging",
    ]
    for link in trail.find_all("a"):
        assert system_administrator.get(link["href"]).status_code in (200, 302)


def test_a_category_leads_to_its_first_entry(administrator: Browser) -> None:
    answer = administrator.get(f"{INSTANCE}/category/assets")
    assert answer.location == f"{INSTANCE}/asset-auto-tagging"


@pytest.mark.parametrize(
    "path",
    [
        f"{SYSTEM}/nonsense",
        f"{SYSTEM}/category/nonsense",
        f"{INSTANCE}/nonsense",
        f"{INSTANCE}/asset-auto-tagging-system",
        f"{INSTANCE}/tensorflow-process",
        f"{INSTANCE}/tensorflow/export",
    ],
)
def test_what_is_not_there_is_not_found(system_administrator: Browser, path: str) -> None:
    assert system_administrator.get(path).status_code == 404


def test_while_the_master_switch_is_off_the_rest_is_hidden(
    system_administrator: Browser, administrator: Browser, records: Callable[[], list[object]]
) -> None:
    switch = f"{SYSTEM}/asset-auto-tagging-system"
    values = form_values(system_administrator.page(switch))
    values.pop("enabled")
    assert system_administrator.post(switch, values).status_code == 303
    assert "TensorFlow" not in said(system_administrator.page(switch))
    assert "0 entries" in said(system_administrator.page(f"{SYSTEM}?q=tensorflow"))
    for view in (system_administrator.get, system_administrator.post):
        assert view(f"{SYSTEM}/tensorflow").location == switch
    assert "is switched off" in said(system_administrator.page(switch))
    assert "Auto tagging is switched off" in said(administrator.page(INSTANCE))
    assert administrator.get(f"{INSTANCE}/tensorflow").location == f"{INSTANCE}/category/assets"
    assert "Auto tagging is switched off" in said(administrator.page(f"{INSTANCE}/category/assets"))
    assert administrator.get(f"{INSTANCE}/documents-and-media").status_code == 200
    assert len(records()) == 1


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("cloud vision", ["Google Cloud Vision Image Auto Tagging"]),
        ("relaunches", ["TensorFlow Image Auto Tagging Process"]),
        ("MEGAPIXELS", ["Documents and Media"]),
        ("nothing says this", []),
    ],
)
def test_search_finds_names_labels_and_help(
    system_administrator: Browser, text: str, titles: list[str]
) -> None:
    page = system_administrator.page(f"{SYSTEM}?q={text}")
    assert [link.get_text() for link in page.find_all("a", class_="found-title")] == titles


def test_search_in_an_instance_finds_what_it_may_set(administrator: Browser) -> None:
    assert "0 entries" in said(administrator.page(f"{INSTANCE}?q=relaunches"))


def test_an_export_is_a_file(administrator: Browser) -> None:
    path = f"{INSTANCE}/asset-auto-tagging"
    save(administrator, path, {})
    answer = administrator.get(f"{path}/export")
    assert answer.headers["Content-Disposition"] == "attachment; filename=autotag.asset-auto-tagging.config"
    assert 'maximum_number_of_tags="0"' in answer.text
