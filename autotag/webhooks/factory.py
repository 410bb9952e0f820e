"""The sender of webhooks built from the installation's settings: for the scheduler, and for the page that tests one."""

from sqlalchemy.orm import Session, sessionmaker

from autotag.config import Config
from autotag.configuration.context import secret_box
from autotag.outbound_http.client import WebClient
from autotag.webhooks.sender import LIMITS, WebhookSender


def webhook_sender(config: Config, sessions: sessionmaker[Session], name: str) -> WebhookSender:
    """Return what sends deliveries to addresses that the operator's settings allow."""
    return WebhookSender(
        sessions,
        secret_box(config),
        lambda: WebClient(config.allowed_private_hosts, limits=LIMITS),
        name,
    )
