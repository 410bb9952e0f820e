"""Runs over many documents: lifecycle, dispatch, progress, undo, commit, retry.

May import `pipeline`, `document_tags` and what is below them.
"""
