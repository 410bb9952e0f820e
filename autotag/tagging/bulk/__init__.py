"""Bulk actions of people over many documents, a part at a time, with undo.

May import `pipeline`, `document_tags` and what is below them.
"""
