"""The tags of a document: assign, remove, undo, explain, copies with tags.

May import `tags` and `provider_health`, and everything below tagging.
"""
