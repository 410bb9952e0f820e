"""The confined process that decodes and classifies, its server, and who supervises it.

May import `decoding`, `keywords`, `models`, `messages` and `errors` of inference.
"""
