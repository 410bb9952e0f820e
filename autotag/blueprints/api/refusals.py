"""What saving a configuration entry can end in, as problems; the pages show the same in their form."""

from flask.typing import ResponseReturnValue

from autotag.blueprints.api import blueprint
from autotag.blueprints.errors import INVALID, problem
from autotag.configuration.secret_box import SecretUnreadable
from autotag.configuration.store import ConfigurationConflict
from autotag.configuration.validation import InvalidConfiguration


def invalid_configuration(error: InvalidConfiguration) -> ResponseReturnValue:
    """Answer with the reasons by field."""
    reasons = {"json": {"values": error.errors}}
    if error.is_conflict:
        return problem(409, "configuration_refused", "The values do not go with other settings.", reasons)
    return problem(422, "invalid_request", INVALID, reasons)


def changed_meanwhile(error: ConfigurationConflict) -> ResponseReturnValue:
    """Answer that somebody else saved."""
    return problem(409, "changed_meanwhile", f"{error} Read it again before you save.")


def secret_unreadable(error: SecretUnreadable) -> ResponseReturnValue:
    """Answer that a stored secret cannot be kept."""
    return problem(409, "secret_unreadable", str(error))


blueprint.register_error_handler(InvalidConfiguration, invalid_configuration)
blueprint.register_error_handler(ConfigurationConflict, changed_meanwhile)
blueprint.register_error_handler(SecretUnreadable, secret_unreadable)
