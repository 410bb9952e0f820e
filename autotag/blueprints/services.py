"""What the pages work with, hung on the application once."""

from dataclasses import dataclass

from flask import current_app

from autotag.config import Config
from autotag.media.storage.storage import Storage
from autotag.metrics.counters import Ledger
from autotag.operations.page import OperationsRoom
from autotag.tagging.queueing.queue import TaggingQueue


@dataclass(frozen=True, slots=True)
class Services:
    """The installation's collaborators."""

    config: Config
    storage: Storage
    queue: TaggingQueue
    operations: OperationsRoom
    ledger: Ledger


def services() -> Services:
    """Return the services of the running application."""
    found: Services = current_app.extensions["autotag"]
    return found
