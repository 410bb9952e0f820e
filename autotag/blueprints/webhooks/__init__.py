"""Webhooks in the Control Panel: the addresses that are told of events, and what was sent to each."""

from flask import Blueprint

from autotag.blueprints.numbers import MAXIMUM_ID
from autotag.blueprints.webhooks import labels

blueprint = Blueprint("webhooks", __name__, url_prefix="/control-panel/webhooks")
labels.register(blueprint)

ONE_WEBHOOK = f"/<int(max={MAXIMUM_ID}):webhook_id>"
ONE_DELIVERY = f"{ONE_WEBHOOK}/deliveries/<int(max={MAXIMUM_ID}):delivery_id>"

# The views register themselves on the blueprint, so it must be there first.
import autotag.blueprints.webhooks.deliveries  # noqa: E402 - the views register themselves on the blueprint
import autotag.blueprints.webhooks.views  # noqa: E402, F401 - as above
