"""Tagging: policy, pipeline, the queue of documents, and what keeps both honest."""
