"""A library behind the pages: an instance whose images are tagged, and an editor's browser on it."""

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import Role, VirtualInstance
from tests.unit.blueprints.conftest import Browser
from tests.unit.conftest import Factory
from tests.unit.tagging.conftest import Library, enable_tensorflow


@pytest.fixture
def library(sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance) -> Library:
    enable_tensorflow(sessions, acme.id)
    return Library(sessions, make, acme)


@pytest.fixture
def editor(
    browser: Callable[..., Browser], default_instance: VirtualInstance, acme: VirtualInstance
) -> Browser:
    return browser(acme, Role.EDITOR)
