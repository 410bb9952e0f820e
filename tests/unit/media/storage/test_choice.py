from __future__ import annotations

from dataclasses import replace

from autotag.config import Bucket, Config
from autotag.media.storage.choice import storage_of
from autotag.media.storage.object_storage import ObjectStorage
from autotag.media.storage.storage import FolderStorage


def test_a_folder_unless_a_bucket_is_named(config: Config) -> None:
    folder = storage_of(config)
    assert isinstance(folder, FolderStorage)
    assert folder.root == config.storage_path
    bucket = storage_of(replace(config, storage_bucket=Bucket("files")))
    assert isinstance(bucket, ObjectStorage)
    assert bucket.place == "s3://files"
    assert bucket.incoming().is_relative_to(config.storage_path)
