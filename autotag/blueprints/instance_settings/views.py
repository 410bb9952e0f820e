"""The pages of Instance Settings."""

from flask.typing import ResponseReturnValue

from autotag.blueprints.access import requires
from autotag.blueprints.control_panel import provider_actions, settings_pages
from autotag.blueprints.control_panel.settings import INSTANCE_SETTINGS, EntryHidden, lead_to_switch
from autotag.blueprints.instance_settings import blueprint
from autotag.models import Role

blueprint.register_error_handler(EntryHidden, lead_to_switch)


@blueprint.get("")
@requires(Role.ADMINISTRATOR)
def index() -> ResponseReturnValue:
    """Show the categories and search the entries."""
    return settings_pages.overview_page(INSTANCE_SETTINGS)


@blueprint.get("/category/<string:category_key>")
@requires(Role.ADMINISTRATOR)
def category(category_key: str) -> ResponseReturnValue:
    """Lead to the first entry of a category."""
    return settings_pages.category_page(INSTANCE_SETTINGS, category_key)


@blueprint.get("/<string:entry_key>")
@requires(Role.ADMINISTRATOR)
def show(entry_key: str) -> ResponseReturnValue:
    """Show an entry's form."""
    return settings_pages.entry_page(INSTANCE_SETTINGS, entry_key)


@blueprint.post("/<string:entry_key>")
@requires(Role.ADMINISTRATOR)
def save(entry_key: str) -> ResponseReturnValue:
    """Save an entry."""
    return settings_pages.save_entry(INSTANCE_SETTINGS, entry_key)


@blueprint.post("/<string:entry_key>/reset")
@requires(Role.ADMINISTRATOR)
def reset(entry_key: str) -> ResponseReturnValue:
    """Remove what is saved for an entry."""
    return settings_pages.reset_entry(INSTANCE_SETTINGS, entry_key)


@blueprint.get("/<string:entry_key>/export")
@requires(Role.ADMINISTRATOR)
def export(entry_key: str) -> ResponseReturnValue:
    """Send what is saved for an entry as a file."""
    return settings_pages.export_entry(INSTANCE_SETTINGS, entry_key)


@blueprint.post("/<string:entry_key>/test-connection")
@requires(Role.ADMINISTRATOR)
def test_connection(entry_key: str) -> ResponseReturnValue:
    """Try the saved settings of a provider with a small picture."""
    return provider_actions.try_settings(INSTANCE_SETTINGS, entry_key)


@blueprint.post("/<string:entry_key>/use-replacement")
@requires(Role.ADMINISTRATOR)
def use_replacement(entry_key: str) -> ResponseReturnValue:
    """Replace an endpoint whose version is retired."""
    return provider_actions.use_replacement(INSTANCE_SETTINGS, entry_key)


@blueprint.post("/<string:entry_key>/resume")
@requires(Role.ADMINISTRATOR)
def resume(entry_key: str) -> ResponseReturnValue:
    """Ask a provider again that is paused or unavailable here."""
    return provider_actions.resume(INSTANCE_SETTINGS, entry_key)
