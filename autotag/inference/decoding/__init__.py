"""Images from untrusted bytes to pixels, within limits of memory, pixels and time.

May import `errors` of inference.
"""
