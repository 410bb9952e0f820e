"""The second factor from the set-up to the sign-in, on wide and narrow pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_settings import examine_each_way, give_password, sign_in_first
from tests.conftest import PASSWORD, wait_for

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.browser

EMAIL = "eva@localhost"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def submit(page: Page, fields: dict[str, str], button: str) -> None:
    """Fill in a form and send it with the keyboard."""
    for label, value in fields.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name=button, exact=True).focus()
    page.keyboard.press("Enter")


def test_it_is_required_set_up_asked_for_and_replaced(
    start_installation: Callable[..., Installation], page: Page
) -> None:
    installation = start_installation(workers=1, quick_start=False)
    made = json.loads(installation.command("users", "create", "--email", EMAIL, "--role", "editor", "--json"))
    page.goto(f"{installation.address}/sign-in")
    sign_in_first(page, EMAIL, made["password"])

    installation.configure("sign-in", "default", require_second_factor="true")
    heading = page.get_by_role("heading", level=1)

    def is_asked() -> bool:
        page.goto(f"{installation.address}/documents")
        return heading.inner_text() == "Set up second factor"

    wait_for(is_asked, "the setting to be read again")
    expect(heading).to_have_text("Set up second factor")
    examine_each_way(page, "second-factor-required")
    totp = pyotp.TOTP(page.locator(".factor-key").inner_text().replace(" ", ""))
    submit(page, {"Code": totp.now(), "Your password": PASSWORD}, "Turn on")
    expect(heading).to_have_text("Recovery codes")
    examine_each_way(page, "recovery-codes")
    codes = page.locator(".recovery-codes code").all_inner_texts()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    assert all(code in started.value.path().read_text() for code in codes)
    page.get_by_role("link", name="I have kept them").click()
    expect(heading).to_have_text("Documents and Media")
    page.goto(f"{installation.address}/account/second-factor")
    expect(heading).to_have_text("Second factor")
    examine_each_way(page, "second-factor-on")

    page.context.clear_cookies()
    page.goto(f"{installation.address}/sign-in")
    give_password(page, EMAIL, PASSWORD)
    expect(heading).to_have_text("Enter a code")
    examine_each_way(page, "sign-in-code")
    submit(page, {"Code or recovery code": codes[0]}, "Sign in")
    expect(heading).to_have_text("Documents and Media")
