"""The pages of both settings areas: overview, category, entry, and what a person does with an entry."""

from flask import Response, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.exceptions import NotFound

from autotag.blueprints.control_panel.entry_form import (
    EntryForm,
    conflicting_form,
    marked_form,
    read_submission,
    refused_form,
    stored_form,
)
from autotag.blueprints.control_panel.panels import load_panels
from autotag.blueprints.control_panel.settings import (
    SettingsArea,
    by_category,
    choices,
    in_category,
    load_entry,
    models,
    navigation_groups,
)
from autotag.blueprints.services import services
from autotag.configuration.context import secret_box
from autotag.configuration.declaration import Entry
from autotag.configuration.effective import load_tagging_settings
from autotag.configuration.entries import INSTALLED_MODELS
from autotag.configuration.export import export, export_name
from autotag.configuration.overview import find_category, search_entries, shown_entries
from autotag.configuration.secret_box import SecretUnreadable
from autotag.configuration.store import (
    ConfigurationConflict,
    Resolved,
    Source,
    Submission,
    reset,
    resolve,
    save,
    unreadable_fields,
)
from autotag.configuration.validation import InvalidConfiguration
from autotag.extensions import db
from autotag.inference.errors import ModelRejected
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.provider_health.on_settings_saved import configuration_changed

SAVED = "Saved."
TAGGED_FROM_NOW_ON = "Saved. Images uploaded from now on are tagged."
RESET = "Reset to the default values."
LONGEST_SEARCH = 200


def overview_page(area: SettingsArea) -> ResponseReturnValue:
    """Show the categories, and what a search found."""
    text = request.args.get("q", "").strip()[:LONGEST_SEARCH]
    entries = shown_entries(db.session(), for_instance=area.for_instance)
    return render_template(
        "settings/overview.html",
        area=area,
        text=text,
        found=search_entries(entries, text),
        categories=by_category(entries),
    )


def category_page(area: SettingsArea, category_key: str) -> ResponseReturnValue:
    """Lead to the first entry of a category; say why when all of them are hidden."""
    category = find_category(category_key)
    entries = in_category(shown_entries(db.session(), for_instance=area.for_instance), category)
    if entries:
        return redirect(area.address("show", entry_key=entries[0].key))
    return render_template("settings/switched_off.html", area=area, category=category)


def entry_page(area: SettingsArea, entry_key: str) -> ResponseReturnValue:
    """Show an entry's form with the values in force."""
    entry = load_entry(area, entry_key)
    resolved = resolve(db.session(), area.place(entry))
    unreadable = unreadable_fields(resolved, secret_box(services().config))
    return render_entry(area, resolved, marked_form(stored_form(resolved, choices()), unreadable))


def save_entry(area: SettingsArea, entry_key: str) -> ResponseReturnValue:
    """Save an entry; an invalid value or somebody else's save shows the form again."""
    entry = load_entry(area, entry_key)
    return save_submission(area, entry, read_submission(entry, request.form, current_user.user.email))


def save_submission(area: SettingsArea, entry: Entry, submission: Submission) -> ResponseReturnValue:
    """Save an entry and lead back to its page, or show the form again with the reasons."""
    before = resolve(db.session(), area.place(entry))
    try:
        saved = store(area, entry, submission)
    except InvalidConfiguration as error:
        form = refused_form(before, submission, choices(), error.errors)
        return render_entry(area, before, form), 422
    except SecretUnreadable as error:
        unreadable = unreadable_fields(before, secret_box(services().config))
        reasons = dict.fromkeys(unreadable, str(error))
        return render_entry(area, before, refused_form(before, submission, choices(), reasons)), 422
    except ConfigurationConflict as error:
        form = conflicting_form(error.current, submission, choices())
        return render_entry(area, error.current, form, is_conflict=True), 409
    flash(saved_words(before, saved), "success")
    return redirect(area.address("show", entry_key=entry.key), 303)


def reset_entry(area: SettingsArea, entry_key: str) -> ResponseReturnValue:
    """Remove what is saved for an entry here, so that it inherits again."""
    entry = load_entry(area, entry_key)
    with unit_of_work(db.session()) as work:
        reset(work, area.place(entry), current_user.user.email)
        configuration_changed(work, area.place(entry))
    flash(RESET, "success")
    return redirect(area.address("show", entry_key=entry.key), 303)


def export_entry(area: SettingsArea, entry_key: str) -> ResponseReturnValue:
    """Send what is saved for an entry here as a file; 404 while nothing is."""
    entry = load_entry(area, entry_key)
    resolved = resolve(db.session(), area.place(entry))
    if resolved.source is not Source.OWN:
        raise NotFound
    response = Response(export(resolved), content_type="text/plain; charset=utf-8")
    response.headers.set("Content-Disposition", "attachment", filename=export_name(resolved))
    return response


def store(area: SettingsArea, entry: Entry, submission: Submission) -> Resolved:
    """Save in a transaction of its own."""
    box = secret_box(services().config)
    with unit_of_work(db.session()) as work:
        saved = save(work, area.place(entry), submission, box=box, choices=choices())
        configuration_changed(work, area.place(entry))
        return saved


def saved_words(before: Resolved, saved: Resolved) -> str:
    """Say that it was saved, and what enabling a provider means."""
    switch = saved.entry.enabled_by
    if not switch or before.values[switch] or not saved.values[switch]:
        return SAVED
    place = saved.held_at.instance_id
    refusal = load_tagging_settings(db.session(), place).refusal if place is not None else ""
    return f"{SAVED} {refusal}" if refusal else TAGGED_FROM_NOW_ON


def render_entry(
    area: SettingsArea, resolved: Resolved, form: EntryForm, *, is_conflict: bool = False
) -> str:
    """Render the page of an entry."""
    category = find_category(resolved.entry.category)
    entries = in_category(shown_entries(db.session(), for_instance=area.for_instance), category)
    return render_template(
        "settings/entry.html",
        area=area,
        category=category,
        groups=navigation_groups(area, category, entries),
        current=resolved.entry.key,
        panels=load_panels(area, resolved),
        entry=resolved.entry,
        resolved=resolved,
        form=form,
        is_conflict=is_conflict,
        is_own=resolved.source is Source.OWN,
        model_line=model_line(resolved),
    )


def model_line(resolved: Resolved) -> str:
    """Name the model in force, for an entry that chooses one."""
    for field in resolved.entry.fields:
        if field.choices == INSTALLED_MODELS:
            name = resolved.values[field.name]
            try:
                model = models().get(name)
            except ModelRejected:
                return f"The model {name} is not installed; until it is, TensorFlow tags nothing."
            return f"Model in force: {model.title}, {model.class_count:,} classes."
    return ""
