"""Where things are, and who may sign in."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared"
"""What may lie beside a clone: photographs and models to measure accuracy with."""
STUBS = REPOSITORY / "tests" / "stubs"
EMAIL = "admin@localhost"
PASSWORD = "correct horse battery"
LONG_AGO = "2020-01-01 00:00:00.000000"
