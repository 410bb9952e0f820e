"""Calls to services on the web: which addresses are called, and how."""
