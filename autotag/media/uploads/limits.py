"""What an instance allows to be uploaded, from its configuration."""

from sqlalchemy.orm import Session

from autotag.configuration.entries import UPLOADS
from autotag.configuration.store import Place, resolve
from autotag.media.uploads.intake import UploadLimits
from autotag.media.uploads.quota import quota_of, room_of

BYTES_IN_A_MEGABYTE = 1_000_000


def upload_limits(session: Session, instance_id: int) -> UploadLimits:
    """Return the limits in force for an instance."""
    values = resolve(session, Place.of(UPLOADS, instance_id)).values
    quota = quota_of(session, instance_id)
    extensions = (part.strip().lower().lstrip(".") for part in values["allowed_extensions"].split(","))
    return UploadLimits(
        maximum_bytes=values["maximum_upload_size"] * BYTES_IN_A_MEGABYTE,
        allowed_extensions=frozenset(extension for extension in extensions if extension),
        quota=quota,
        room=room_of(session, instance_id, quota),
    )
