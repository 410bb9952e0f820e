"""Hashes of passwords that cost little: a hash carries its own cost, so whoever checks one needs as little."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from werkzeug.security import generate_password_hash

from autotag.instances import people

LITTLE_WORK = "scrypt:1024:8:1"


def quick_hash(password: str) -> str:
    return generate_password_hash(password, method=LITTLE_WORK)


@contextmanager
def quick_hashes_here() -> Iterator[None]:
    """Let what this process stores meanwhile be hashed with little work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "generate_password_hash", lambda password, *_, **__: quick_hash(password))
        yield
