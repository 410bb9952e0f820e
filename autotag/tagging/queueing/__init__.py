"""The queue and its workers: jobs, heartbeats, reconcile, dead workers.

May import `pipeline`, `document_tags` and what is below them.
"""
