"""How a list says what it shows: orders, states, types, days and numbers of files in words."""

from datetime import UTC, datetime

from flask import Flask

from autotag.blueprints.presentation import TYPE_LABELS, counted
from autotag.media.folders import folder_tree
from autotag.media.library.query import Order
from autotag.media.library.query_plan import COUNTED_AT_MOST
from autotag.models import TaggingState

ORDERS = {
    Order.NEWEST: "Newest first",
    Order.OLDEST: "Oldest first",
    Order.NAME: "Name A to Z",
    Order.NAME_DESCENDING: "Name Z to A",
    Order.LARGEST: "Largest first",
    Order.SMALLEST: "Smallest first",
}

STATES = {
    TaggingState.QUEUED: "Waiting",
    TaggingState.RUNNING: "Being tagged",
    TaggingState.TAGGED: "Tagged",
    TaggingState.NO_TAGS: "No tags found",
    TaggingState.SKIPPED: "Not tagged automatically",
    TaggingState.FAILED: "Failed",
    TaggingState.QUARANTINED: "Set aside",
}

_KIND_LABELS = {"image/*": "All images", "video/*": "All videos", "audio/*": "All sounds"}


def type_word(mime_type: str) -> str:
    """Name a media type, or a kind of types, for people."""
    return _KIND_LABELS.get(mime_type) or TYPE_LABELS.get(mime_type) or mime_type


def count_number(total: int, is_least: bool) -> str:
    """Say how many there are, as far as they are counted."""
    if total > COUNTED_AT_MOST:
        return f"more than {COUNTED_AT_MOST:,}"
    return f"at least {total:,}" if is_least else f"{total:,}"


def count_text(total: int, is_least: bool) -> str:
    """Say how many files there are, as far as they are counted; nothing when none was found so far."""
    if is_least and not total:
        return ""
    return f"{count_number(total, is_least)} {'file' if total == 1 else 'files'}"


def folder_count(documents: int) -> str:
    """Say how many files a folder has, as far as they are counted."""
    most = folder_tree.COUNTED_AT_MOST
    return f"{most:,} files or more" if documents >= most else counted(documents, "file")


def human_day(moment: datetime) -> str:
    """Say a day in UTC: 3 May 2026."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y}"


def register(app: Flask) -> None:
    """Make the words of this module known to the app's templates."""
    app.jinja_env.filters.update(folder_count=folder_count, human_day=human_day)
