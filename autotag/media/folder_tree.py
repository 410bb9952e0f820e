"""Looking at folders."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.media.errors import FolderNotFound
from autotag.models import Folder

LARGEST_ID = 2**31 - 1


def load_folder(session: Session, instance_id: int, folder_id: int) -> Folder:
    """Return one folder of this instance. Raises FolderNotFound, for another instance's folder as well."""
    folder = None
    if 0 < folder_id <= LARGEST_ID:
        folder = session.scalar(
            select(Folder).where(Folder.instance_id == instance_id, Folder.id == folder_id)
        )
    if folder is None:
        raise FolderNotFound(folder_id)
    return folder
