"""Where files are kept: a folder or an object storage, renditions, and what is cleared away.

May import `errors` of media and the tables.
"""
