"""The page at `/api/docs/`: an API key is typed in there, and requests are tried with it."""

from typing import Any

import pytest
from playwright.async_api import expect

from marketdata import keyring
from marketdata.models import ApiKey
from tests.streams.live import Web
from tests.streams.test_access import closed, user
from tests.streams.test_page import browser_page, browser_test

__all__ = ["closed", "user"]


@pytest.fixture
def key(user: Any) -> str:
    return keyring.issue(ApiKey(name="collector", user=user))


@browser_test
@pytest.mark.parametrize("scheme", ["apiKey", "apiKeyBearer"])
async def test_a_key_that_is_typed_in_is_sent_with_what_is_tried(web: Web, closed: None, key: str, scheme: str) -> None:
    async with browser_page() as shown:
        page = shown.page
        await page.goto(f"{web.url}/api/docs/")
        tried = page.locator("#operations-history-intervals")
        await tried.locator(".opblock-summary-control").click()
        await tried.get_by_role("button", name="Try it out").click()
        await tried.get_by_role("button", name="Execute").click()
        status = tried.locator(".live-responses-table .response-col_status").last
        await expect(status).to_contain_text("401")
        await page.locator(".auth-wrapper .authorize").first.click()
        form = page.locator(".auth-container", has=page.get_by_role("heading", name=f"{scheme}  ("))
        await form.locator("input").fill(key)
        await form.get_by_role("button", name="Apply credentials").click()
        await page.locator(".close-modal").click()
        await tried.get_by_role("button", name="Execute").click()
        await expect(status).to_contain_text("200")
        assert shown.hosts == {"127.0.0.1"}
