"""Signing in and out in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.browser.conftest import Visitor
    from tests.conftest import Installation

pytestmark = pytest.mark.browser

EMAIL = "admin@localhost"
PASSWORD = "correct horse battery"


def fill_in(visitor: Visitor, email: str, password: str) -> None:
    visitor.page.get_by_label("E-mail").fill(email)
    visitor.page.get_by_label("Password").fill(password)
    visitor.page.get_by_role("button", name="Sign in").click()


def test_the_right_password_leads_to_where_the_person_was_heading(
    installation: Installation, open_window: Callable[..., Visitor]
) -> None:
    visitor = open_window(installation, signed_in=False)
    visitor.go("/documents?cursor=none")
    expect(visitor.page).to_have_url(re.compile("/sign-in"))
    fill_in(visitor, EMAIL, PASSWORD)
    expect(visitor.page).to_have_url(f"{installation.address}/documents?cursor=none")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Documents and Media")


def test_a_wrong_password_is_said_without_telling_which_of_both_was_wrong(
    installation: Installation, open_window: Callable[..., Visitor]
) -> None:
    visitor = open_window(installation, signed_in=False)
    visitor.expect_complaint("422")
    messages = []
    for email in (EMAIL, "nobody@localhost"):
        visitor.go("/sign-in")
        fill_in(visitor, email, "a wrong password")
        alert = visitor.page.get_by_role("alert")
        expect(alert).to_be_visible()
        messages.append(alert.text_content())
        expect(visitor.page.get_by_label("E-mail")).to_have_value(email)
    assert messages[0] == messages[1]
    assert messages[0] is not None
    assert "wrong" in messages[0]


def test_after_signing_out_the_pages_are_closed_again(
    start_installation: Callable[..., Installation], open_window: Callable[..., Visitor]
) -> None:
    installation = start_installation(workers=1)
    visitor = open_window(installation)
    visitor.go("/documents")
    visitor.page.locator("summary[aria-label^=Account]").click()
    visitor.page.get_by_role("button", name="Sign out").click()
    expect(visitor.page).to_have_url(re.compile("/sign-in"))
    visitor.go("/documents")
    expect(visitor.page).to_have_url(re.compile("/sign-in"))


def test_signing_in_works_without_scripts(
    installation: Installation, open_window: Callable[..., Visitor]
) -> None:
    visitor = open_window(installation, signed_in=False, scripts=False)
    visitor.go("/sign-in")
    fill_in(visitor, EMAIL, PASSWORD)
    expect(visitor.page).to_have_url(f"{installation.address}/documents")
