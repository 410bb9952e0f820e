"""The models of the installation: which there are, and installing and removing them."""

from flask import flash, jsonify, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.control_panel.settings import SYSTEM_SETTINGS, in_category, navigation_groups
from autotag.blueprints.control_panel.settings import models as model_store
from autotag.blueprints.services import services
from autotag.blueprints.system_settings import blueprint
from autotag.configuration.entries import ASSETS
from autotag.configuration.overview import shown_entries
from autotag.extensions import db
from autotag.inference.errors import ModelRejected
from autotag.models import Role
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging import model_installations
from autotag.tagging.model_installations import ListedModel, ModelInUse


@blueprint.get("/models")
@requires(Role.SYSTEM_ADMINISTRATOR)
def models() -> ResponseReturnValue:
    """Show all models, and how far those are that are being installed."""
    entries = in_category(shown_entries(db.session(), for_instance=False), ASSETS)
    return render_template(
        "settings/models.html",
        area=SYSTEM_SETTINGS,
        category=ASSETS,
        groups=navigation_groups(SYSTEM_SETTINGS, ASSETS, entries),
        current="models",
        models=listed_models(),
    )


@blueprint.get("/models/state")
@requires(Role.SYSTEM_ADMINISTRATOR)
def models_state() -> ResponseReturnValue:
    """Return the parts of the page that change while a model is being installed."""
    listed = listed_models()
    return jsonify(
        pending=any(model.is_under_way for model in listed),
        models={
            model.summary.name: {
                "state": render_template("settings/_model_state.html", model=model),
                "actions": render_template("settings/_model_actions.html", model=model),
                "pending": model.is_under_way,
                "announcement": announcement(model),
            }
            for model in listed
        },
    )


@blueprint.post("/models/<string:name>/install")
@requires(Role.SYSTEM_ADMINISTRATOR)
def install_model(name: str) -> ResponseReturnValue:
    """Have a model installed in the background."""
    try:
        with unit_of_work(db.session()) as work:
            model_installations.request_installation(work, services().queue, name, current_user.user.email)
    except ModelRejected as error:
        flash(error.message, "danger")
    return back_to_models()


@blueprint.post("/models/<string:name>/cancel")
@requires(Role.SYSTEM_ADMINISTRATOR)
def cancel_model(name: str) -> ResponseReturnValue:
    """Stop the installation of a model."""
    with unit_of_work(db.session()) as work:
        model_installations.cancel_installation(work, name, current_user.user.email)
    return back_to_models()


@blueprint.post("/models/<string:name>/remove")
@requires(Role.SYSTEM_ADMINISTRATOR)
def remove_model(name: str) -> ResponseReturnValue:
    """Remove an installed model that nobody has chosen."""
    try:
        with unit_of_work(db.session()) as work:
            model_installations.remove_model(work, model_store(), name, current_user.user.email)
    except ModelInUse as error:
        flash(str(error), "danger")
    except ModelRejected as error:
        flash(error.message, "danger")
    else:
        flash("The model is removed.", "success")
    return back_to_models()


def listed_models() -> list[ListedModel]:
    """Return the models with their installations."""
    return model_installations.list_models(db.session(), model_store())


def announcement(model: ListedModel) -> str:
    """Say in a few words what became of an installation, for people who listen to the page."""
    title = model.summary.title
    if model.summary.installed:
        return f"{title} is installed"
    return f"{title}: {model.trouble or 'cancelled'}"


def back_to_models() -> ResponseReturnValue:
    """Lead back to the list."""
    return redirect(url_for("system_settings.models"), 303)
