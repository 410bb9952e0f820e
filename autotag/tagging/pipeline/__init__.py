"""The way of one document: claim, examine, decide, record.

May import `tags` and `provider_health`, and everything below tagging.
"""
