"""Notices at the top of the next page, also such that carry a button which takes back what was done."""

from flask import flash, url_for

UNDO = "undo"
"""The category of a notice with a button; components/flash.html shows it."""


def flash_undo(message: str, endpoint: str, **values: object) -> None:
    """Say on the next page what was done, beside a button that posts to the endpoint which undoes it."""
    flash_act(message, "Undo", endpoint, **values)


def flash_act(message: str, label: str, endpoint: str, **values: object) -> None:
    """Say on the next page what was done, beside a button with this label that posts to the endpoint."""
    # Flask keeps what it flashes as JSON; its annotation knows texts only.
    address = url_for(endpoint, **values)  # type: ignore[arg-type]  # they are parts of an address, none of its own options
    notice = {"text": message, "label": label, "address": address}
    flash(notice, UNDO)  # type: ignore[arg-type]  # as above
