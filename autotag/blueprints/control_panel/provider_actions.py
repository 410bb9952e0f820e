"""What a person does about a provider on the pages of its entry, in both settings areas."""

from flask import flash, g, redirect, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import sessionmaker
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import NotFound

from autotag.blueprints.control_panel.entry_form import VERSION, read_submission
from autotag.blueprints.control_panel.panels import retired_endpoint
from autotag.blueprints.control_panel.settings import SYSTEM_SETTINGS, SettingsArea, load_entry
from autotag.blueprints.control_panel.settings_pages import save_submission
from autotag.blueprints.control_panel.trial_result import keep_trial
from autotag.blueprints.long_answers import holds_thread
from autotag.blueprints.services import services
from autotag.configuration.effective import ProviderSettings
from autotag.configuration.entries import TENSORFLOW_PROCESS
from autotag.configuration.store import resolve, shown_values
from autotag.extensions import db
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.provider_health.connection_test import try_connection
from autotag.tagging.provider_health.factory import provider_factory
from autotag.tagging.provider_health.overview import enable_process_again, resume_provider, sends_images

RESUMED = "Resumed. Documents that wait for it go on now."
ENABLED_AGAIN = "Enabled again. Documents that wait for TensorFlow go on now."
NOT_RETIRED = "The endpoint names no retired version any more. Nothing is changed."


def enable_process() -> ResponseReturnValue:
    """Let the TensorFlow process start again."""
    entry = load_entry(SYSTEM_SETTINGS, TENSORFLOW_PROCESS.key)
    with unit_of_work(db.session()) as work:
        enable_process_again(work, current_user.user.email)
    flash(ENABLED_AGAIN, "success")
    return redirect(SYSTEM_SETTINGS.address("show", entry_key=entry.key), 303)


def resume(area: SettingsArea, entry_key: str) -> ResponseReturnValue:
    """Ask a provider again at once, in the instance whose host this is and in no other."""
    entry = load_entry(area, entry_key)
    if not entry.provider:
        raise NotFound
    with unit_of_work(db.session()) as work:
        resume_provider(work, entry, g.instance.id, current_user.user.email)
    flash(RESUMED, "success")
    return redirect(area.address("show", entry_key=entry.key), 303)


@holds_thread
def try_settings(area: SettingsArea, entry_key: str) -> ResponseReturnValue:
    """Send the built-in picture with the saved settings, for 20 seconds at most; the next page says what came."""
    entry = load_entry(area, entry_key)
    if not sends_images(entry):
        raise NotFound
    instance_id = g.instance.id
    settings = ProviderSettings(resolve(db.session(), area.place(entry)))
    # No transaction stays open while a service takes its time.
    db.session().rollback()
    build = provider_factory(services().config)
    trial = try_connection(sessionmaker(db.engine), build, settings, instance_id)
    keep_trial(area.blueprint, entry.key, trial)
    return redirect(area.address("show", entry_key=entry.key, _anchor="connection"), 303)


def use_replacement(area: SettingsArea, entry_key: str) -> ResponseReturnValue:
    """Save the entry in force with the endpoint that replaces the retired one; its host, and so its key, stays."""
    entry = load_entry(area, entry_key)
    resolved = resolve(db.session(), area.place(entry))
    retired = retired_endpoint(resolved)
    if retired is None:
        flash(NOT_RETIRED, "warning")
        return redirect(area.address("show", entry_key=entry.key), 303)
    texts = shown_values(resolved) | {
        "api_endpoint": retired.replacement,
        VERSION: request.form.get(VERSION, ""),
    }
    submission = read_submission(entry, MultiDict(texts), current_user.user.email)
    return save_submission(area, entry, submission)
