"""The kinds of actions over many documents."""

from enum import StrEnum


class BulkKind(StrEnum):
    """What is done to the documents."""

    EDIT_TAGS = "edit_tags"
    REPLACE_TAGS = "replace_tags"
    UNTAG = "untag"
    COMMIT = "commit"
    MOVE = "move"
    DELETE = "delete"
    RESTORE = "restore"
    PURGE = "purge"
    UNDO_TAGS = "undo_tags"
    MERGE_TAGS = "merge_tags"

    @property
    def is_about_the_bin(self) -> bool:
        """Whether it is done to documents that lie in the recycle bin."""
        return self in (BulkKind.RESTORE, BulkKind.PURGE)

    @property
    def is_about_tags(self) -> bool:
        """Whether it changes tags of the documents that are chosen."""
        return self in (BulkKind.EDIT_TAGS, BulkKind.REPLACE_TAGS, BulkKind.UNTAG, BulkKind.COMMIT)
