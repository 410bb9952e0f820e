"""How models come in: download, import, build, trial, and the folder that holds them.

May import `process`, `models` and `errors` of inference.
"""
