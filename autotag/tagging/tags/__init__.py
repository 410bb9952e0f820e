"""The tags of an instance: names, list, counts, edit, merge, rejections.

May import `policy` and `errors` of tagging, and everything below tagging.
"""
