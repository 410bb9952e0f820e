"""Folders: the tree, moving, and what a deletion takes along.

May import `bin`, `library` and `storage`.
"""
