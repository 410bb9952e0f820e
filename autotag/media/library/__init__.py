"""Documents: query, search, download, editing.

May import `storage` and `errors` of media, and the tables.
"""
