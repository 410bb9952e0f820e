"""The empty page of Documents and Media: a checklist for administrators, a sentence for the others."""

from collections.abc import Callable

import pytest

from autotag.inference.installing.store import ModelStore
from autotag.models import Role, VirtualInstance
from tests.unit.blueprints.conftest import Browser, form_values, said
from tests.unit.conftest import Factory

TENSORFLOW = "/control-panel/instance-settings/tensorflow"


def test_the_checklist_leads_to_the_provider(administrator: Browser, models: ModelStore) -> None:
    page = administrator.page("/documents")
    assert "Model ready : to do" in said(page)
    assert "Provider enabled : to do" in said(page)
    assert page.find("a", href=TENSORFLOW)
    form = form_values(administrator.page(TENSORFLOW))
    administrator.post(TENSORFLOW, form | {"enabled": "true", "model": "toy"})
    page = administrator.page("/documents")
    assert "Model ready : done" in said(page)
    assert "Provider enabled : done" in said(page)
    assert "First photograph tagged : to do" in said(page)
    assert not page.find("a", href=TENSORFLOW)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_others_see_that_it_is_empty(
    browser: Callable[..., Browser], default_instance: VirtualInstance, role: Role
) -> None:
    page = said(browser(default_instance, role).page("/documents"))
    assert "No files yet" in page
    assert "Model ready" not in page


def test_it_is_gone_with_the_first_file(administrator: Browser, make: Factory, acme: VirtualInstance) -> None:
    make.document(acme)
    assert "Model ready" not in said(administrator.page("/documents"))
