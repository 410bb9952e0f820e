"""An instance whose images are tagged, as the tests of tagging have it."""

from tests.unit.tagging.conftest import library, signals_of_the_process

__all__ = ["library", "signals_of_the_process"]
