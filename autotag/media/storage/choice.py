"""Which storage an installation has."""

from autotag.config import Config
from autotag.media.storage.storage import FolderStorage, Storage


def storage_of(config: Config) -> Storage:
    """Return the storage that the configuration names; nothing is asked of it yet."""
    if config.storage_bucket is None:
        return FolderStorage(config.storage_path)
    from autotag.media.storage.object_storage import ObjectStorage

    return ObjectStorage(config.storage_bucket, config.storage_path)
