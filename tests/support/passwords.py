"""The hash of the password that all tests sign in with, made once: hashing one takes a third of a second on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pytest
from werkzeug.security import generate_password_hash

from autotag.instances import passwords
from tests.support.places import PASSWORD


@cache
def hash_of_the_tests() -> str:
    """Return a hash of PASSWORD as the product stores it."""
    return generate_password_hash(PASSWORD, method=passwords.METHOD)


@contextmanager
def quick_hashes_here() -> Iterator[None]:
    """Let this process store the hash that was made once, whenever it hashes PASSWORD."""
    make = passwords._hash
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            passwords, "_hash", lambda text: hash_of_the_tests() if text == PASSWORD else make(text)
        )
        yield
