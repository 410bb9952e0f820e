"""The recycle bin: what was deleted together, restored and purged.

May import `library` and `storage`.
"""
