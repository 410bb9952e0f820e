"""Configuration entries: declared once, stored by scope, inherited by instances."""
