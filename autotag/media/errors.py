"""What can go wrong with documents, in words for the person who asked."""


class MediaError(Exception):
    """Root of this room's errors: a stable `code` for programs, a `message` for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class UploadRefused(MediaError):
    """An upload that cannot be accepted; nothing of it is kept."""


class DocumentNotFound(MediaError):
    """No such document in this instance; another instance's document is this, too."""

    def __init__(self, document_id: int) -> None:
        super().__init__("document_not_found", "There is no such document here.")
        self.document_id = document_id


class StorageError(MediaError):
    """The disk or the object store did not take or give a file."""


class StorageUnavailable(StorageError):
    """The object store does not answer, or refuses; the same may succeed later. `reason` is for the log."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__("storage_unavailable", message)
        self.reason = reason or message


class FolderNotFound(MediaError):
    """No such folder in this instance; another instance's folder is this, too."""

    def __init__(self, folder_id: int) -> None:
        super().__init__("folder_not_found", "There is no such folder here.")
        self.folder_id = folder_id


class FolderRefused(MediaError):
    """What somebody asked of a folder cannot be done; nothing is changed."""
