"""Configuration entries at the level of the system, of all instances and of one: a call of its own for each."""

from typing import Any

from flask import g
from flask_login import current_user

from autotag.blueprints.api import blueprint
from autotag.blueprints.api.calls import Answer
from autotag.blueprints.api.configuration_schemas import configuration_answer, schemas_of
from autotag.blueprints.control_panel.settings import choices
from autotag.blueprints.services import services
from autotag.configuration.context import secret_box
from autotag.configuration.declaration import Entry, Scope
from autotag.configuration.entries import ENTRIES
from autotag.configuration.store import Place, reset, resolve, save
from autotag.configuration.values import submission_of
from autotag.extensions import db
from autotag.models import Level, Role
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.provider_health.on_settings_saved import configuration_changed

TAG = "Configuration"
ROLES = {
    Level.SYSTEM: Role.SYSTEM_ADMINISTRATOR,
    Level.DEFAULT: Role.SYSTEM_ADMINISTRATOR,
    Level.INSTANCE: Role.ADMINISTRATOR,
}
"""Who may see and change what is saved at a level, as on the pages."""

WHERE = {
    Level.SYSTEM: "of the installation",
    Level.DEFAULT: "of all virtual instances",
    Level.INSTANCE: "of this virtual instance",
}
CHANGE_PROBLEMS = ("configuration_refused", "changed_meanwhile", "secret_unreadable")


def levels_of(entry: Entry) -> tuple[Level, ...]:
    """Return at which levels an entry is saved."""
    return (Level.SYSTEM,) if entry.scope is Scope.SYSTEM else (Level.DEFAULT, Level.INSTANCE)


def place_of(entry: Entry, level: Level) -> Place:
    """Return where an entry is saved at a level, for this request's instance."""
    return Place.of(entry, g.instance.id if level is Level.INSTANCE else None)


def declare(entry: Entry, level: Level) -> None:
    """Make the three calls of an entry at a level."""
    sent, answered = schemas_of(entry)
    rule, role, answer = f"/configuration/{level}/{entry.key}", ROLES[level], Answer(200, answered)
    name = f"{level}_{entry.key.replace('-', '_')}"

    def show() -> dict[str, object]:
        return configuration_answer(resolve(db.session(), place_of(entry, level)), level)

    def change(body: dict[str, Any]) -> dict[str, object]:
        return save_values(entry, level, body)

    def remove() -> dict[str, object]:
        place = place_of(entry, level)
        with unit_of_work(db.session()) as work:
            resolved = reset(work, place, current_user.user.email)
            configuration_changed(work, place)
        return configuration_answer(resolved, level)

    where = f"{entry.title} {WHERE[level]}"
    for view, begins, text in (
        (show, "Show", "Secrets are never answered."),
        (change, "Save", "Fields that are left out keep the value in force."),
        (remove, "Reset", "What is saved here goes, so that it inherits again."),
    ):
        view.__name__ = f"{view.__name__}_{name}"
        view.__doc__ = f"{begins} {where}\n\n{text}"
    blueprint.call("GET", rule, role, answer, tag=TAG)(show)
    blueprint.call("PUT", rule, role, answer, tag=TAG, problems=CHANGE_PROBLEMS, json=sent)(change)
    blueprint.call("DELETE", rule, role, answer, tag=TAG)(remove)


def save_values(entry: Entry, level: Level, body: dict[str, Any]) -> dict[str, object]:
    """Save values as the pages save them."""
    place = place_of(entry, level)
    box = secret_box(services().config)
    with unit_of_work(db.session()) as work:
        before = resolve(work.session, place)
        submission = submission_of(
            before, body["values"], actor=current_user.user.email, expected_version=body.get("version")
        )
        saved = save(work, place, submission, box=box, choices=choices())
        configuration_changed(work, place)
    return configuration_answer(saved, level)


for declared in ENTRIES:
    for at in levels_of(declared):
        declare(declared, at)
