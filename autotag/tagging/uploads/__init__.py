"""What begins with a file: an upload, a folder that is imported, a new version.

May import every other room of tagging.
"""
