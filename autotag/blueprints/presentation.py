"""What templates call by name: the filters and globals that turn values into words, addresses and entries."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path, PurePath
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, url_for
from flask_bootstrap import Bootstrap5

from autotag.blueprints.navigation import navigation
from autotag.media.library.library import AssignedTag, DocumentSummary
from autotag.models import Document, Role, TaggingState, VirtualInstance
from autotag.tagging.policy import FORBIDDEN_CHARACTERS, NAME_LENGTH

NO_BREAK_SPACE = "\u00a0"
CHIPS_ON_A_CARD = 3
NO_EXTENSION = "File"

_SIZE_UNITS = ("kB", "MB", "GB", "TB")

_PROVIDER_LABELS = {
    "tensorflow": "TensorFlow",
    "google-cloud-vision": "Google Cloud Vision",
    "microsoft-cognitive-services": "Microsoft Cognitive Services",
}

TYPE_LABELS = {
    "image/jpeg": "JPEG image",
    "image/png": "PNG image",
    "image/gif": "GIF image",
    "image/webp": "WebP image",
    "image/bmp": "BMP image",
    "image/tiff": "TIFF image",
    "image/svg+xml": "SVG drawing",
    "image/x-icon": "Icon",
    "application/pdf": "PDF document",
    "application/zip": "ZIP archive",
    "text/plain": "Text",
    "text/csv": "CSV table",
}

_STATE_TEXTS = {
    TaggingState.QUEUED: ("pending", "Waiting to be tagged"),
    TaggingState.RUNNING: ("pending", "Being tagged"),
    TaggingState.TAGGED: ("done", "Tagged"),
    TaggingState.NO_TAGS: ("quiet", "No tags found"),
    TaggingState.SKIPPED: ("quiet", "Not tagged automatically"),
    TaggingState.FAILED: ("danger", "Tagging failed"),
    TaggingState.QUARANTINED: ("danger", "Set aside: tagging this file was cut short too often"),
}


@dataclass(frozen=True, slots=True)
class StateView:
    """How a tagging state is shown: `kind` chooses the look, `text` says it in words."""

    kind: str
    text: str


def role_label(role: Role) -> str:
    """Name a role for people."""
    return role.replace("-", " ").capitalize()


def instance_name(instance: VirtualInstance) -> str:
    """Name a virtual instance for the people in it; the default one goes by the installation's host name."""
    return instance.virtual_host if instance.is_default else instance.web_id


def human_size(size: int) -> str:
    """Say a number of bytes the way file managers do: 512 bytes, 4.2 MB."""
    if size < 1000:
        return f"{size}{NO_BREAK_SPACE}{'byte' if size == 1 else 'bytes'}"
    amount = size / 1000
    units = iter(_SIZE_UNITS)
    unit = next(units)
    # From 999.5 on the figure would be rounded to 1000 of this unit.
    while amount >= 999.5 and unit != _SIZE_UNITS[-1]:
        amount /= 1000
        unit = next(units)
    figure = f"{amount:.1f}" if amount < 9.95 else f"{amount:.0f}"
    return f"{figure.removesuffix('.0')}{NO_BREAK_SPACE}{unit}"


def human_moment(moment: datetime) -> str:
    """Say a moment in UTC, in words that no country reads differently: 3 May 2026, 14:05 UTC."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"


def machine_moment(moment: datetime) -> str:
    """Write a moment for the `datetime` attribute, from which the browser makes local time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def percent(confidence: float) -> str:
    """Say a confidence between 0 and 1 as whole per cent."""
    return f"{round(confidence * 100)}{NO_BREAK_SPACE}%"


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Put a number before its noun: 1 file, 2 files, 12,400 files."""
    noun = singular if number == 1 else plural or f"{singular}s"
    return f"{number:,} {noun}"


def provider_label(provider: str | None) -> str:
    """Give a provider its proper name; one we do not know is shown as it names itself."""
    if not provider:
        return ""
    return _PROVIDER_LABELS.get(provider, provider)


def provenance(tag: AssignedTag) -> str:
    """Say where a tag comes from: automatic, TensorFlow, 85 %."""
    if tag.is_from_file:
        return "from the file"
    if not tag.is_automatic:
        return "added by a person"
    parts = ["automatic", provider_label(tag.provider)]
    if tag.confidence is not None:
        parts.append(percent(tag.confidence))
    return ", ".join(part for part in parts if part)


def type_label(document: Document) -> str:
    """Name the kind of a file for people."""
    extension = extension_label(document)
    return TYPE_LABELS.get(document.mime_type) or (
        NO_EXTENSION if extension == NO_EXTENSION else f"{extension} file"
    )


def extension_label(document: Document) -> str:
    """Return the few letters that stand on the tile of a file without a picture."""
    extension = PurePath(document.file_name).suffix.lstrip(".").upper()
    return extension if 0 < len(extension) <= 5 else NO_EXTENSION


def state_view(document: Document) -> StateView:
    """Say where a document stands in tagging; the stored reason is better than our general words."""
    kind, text = _STATE_TEXTS[document.tagging_state]
    return StateView(kind, document.tagging_reason or text)


def announcement(summary: DocumentSummary) -> str:
    """Say in a few words what became of a document, for people who listen to the page."""
    document = summary.document
    if document.tagging_state is TaggingState.TAGGED:
        return f"{document.title}: {counted(len(summary.tags), 'tag')}"
    return f"{document.title}: {state_view(document).text}"


def card_version(summary: DocumentSummary) -> str:
    """Return a text that differs whenever the card would look different."""
    document = summary.document
    moment = document.tagging_updated_at.timestamp()
    return f"{document.tagging_state}-{moment:.3f}-{len(summary.tags)}-{document.sha256[:8]}"


def picture_version(document: Document) -> str:
    """Return what makes the address of a document's pictures change with its content."""
    return document.sha256[:16]


def thumbnail_address(document: Document) -> str:
    """Return the address of a document's thumbnail, which changes with its content.

    It is put together from one that a request builds once: a list shows sixty.
    """
    if "thumbnail_address" not in g:
        g.thumbnail_address = url_for("documents.thumbnail", document_id=0).rsplit("/0/", 1)
    before, after = g.thumbnail_address
    return f"{before}/{document.id}/{after}?v={picture_version(document)}"


def safe_next(target: str | None) -> str | None:
    """Return the path to go on to after signing in, or None when it would leave this site.

    Browsers read a backslash as a slash and drop control characters, so both are refused before parsing.
    """
    if not target or not target.startswith("/") or target.startswith("//"):
        return None
    if "\\" in target or any(ord(character) < 32 or ord(character) == 127 for character in target):
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc else target


@lru_cache(maxsize=256)
def _fingerprint(file: Path, _changed: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def static_url(path: str, blueprint: str | None = None) -> str:
    """Return the address of a static file with its content hash, so that it may be cached for good.

    It is put together without `url_for`, because the page for a refused host name has no routes to ask.
    """
    owner = current_app.blueprints[blueprint] if blueprint else current_app
    file = Path(owner.static_folder or "") / path
    return f"{owner.static_url_path}/{path}?v={_fingerprint(file, file.stat().st_mtime_ns)}"


def favicon() -> Response:
    """Send the product mark to browsers that ask for `/favicon.ico` because what they show is no page of ours."""
    mark = Path(current_app.static_folder or "") / "mark.svg"
    return Response(mark.read_bytes(), mimetype="image/svg+xml")


def register(app: Flask) -> None:
    """Make the words of this module, and Bootstrap's style sheet, known to the app's templates."""
    Bootstrap5(app)
    app.add_url_rule("/favicon.ico", endpoint="favicon_static", view_func=favicon)
    app.jinja_env.filters.update(
        announcement=announcement,
        card_version=card_version,
        counted=counted,
        extension_label=extension_label,
        human_moment=human_moment,
        human_size=human_size,
        instance_name=instance_name,
        machine_moment=machine_moment,
        percent=percent,
        picture_version=picture_version,
        provenance=provenance,
        provider_label=provider_label,
        role_label=role_label,
        state_view=state_view,
        thumbnail_address=thumbnail_address,
        type_label=type_label,
    )
    app.jinja_env.globals.update(
        CHIPS_ON_A_CARD=CHIPS_ON_A_CARD,
        Role=Role,
        TAG_FORBIDDEN="".join(sorted(FORBIDDEN_CHARACTERS)),
        TAG_NAME_LENGTH=NAME_LENGTH,
        navigation=navigation,
        static_url=static_url,
    )
