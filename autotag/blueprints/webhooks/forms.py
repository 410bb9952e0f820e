"""The form of a webhook. What the service refuses stands beside its field."""

from wtforms import SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import CheckboxInput, ListWidget

from autotag.blueprints.forms import RefusableForm
from autotag.blueprints.webhooks.labels import event_label
from autotag.models import Webhook
from autotag.webhooks.registry import OFFERED_EVENTS, WebhookFields


class WebhookForm(RefusableForm):
    """An address, and the events that it is told of."""

    address = StringField(
        "Address",
        render_kw={"type": "url", "inputmode": "url", "autocomplete": "off", "spellcheck": "false"},
    )
    events = SelectMultipleField(
        "Events",
        choices=[SelectChoice(event.value, event_label(event)) for event in OFFERED_EVENTS],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        validate_choice=False,
    )

    @property
    def webhook_fields(self) -> WebhookFields:
        """What was entered, for the service."""
        return WebhookFields(self.address.data or "", tuple(self.events.data or ()))

    def show(self, webhook: Webhook) -> None:
        """Fill in what is stored."""
        self.address.data = webhook.address
        self.events.data = list(webhook.events)
