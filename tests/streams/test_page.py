"""The page at `/`: who may see it, what it may load, and what a browser shows of it."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from asgiref.sync import sync_to_async
from playwright.async_api import Page, async_playwright, expect

from marketdata import sync as metadata
from streams.hold import Holder
from streams.models import Pin
from tests.sandbox_server import SandboxServer
from tests.streams.live import Web, hold_loop

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--proxy-server=direct://",
]
BTC, ETH = '[data-topic="binance.ticker.BTC-USDT"]', '[data-topic="binance.ticker.ETH-USDT"]'
PATIENCE_MS = 20_000

browser_test = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page was not tried in a browser")
expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Shown:
    """A page in a browser, and all that it did."""

    page: Page
    problems: list[str] = field(default_factory=list)
    hosts: set[str | None] = field(default_factory=set)
    frames: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", lambda said: said.type in {"error", "warning"} and self.problems.append(said.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname))
        self.page.on("websocket", self._opened)

    def _opened(self, socket: Any) -> None:
        self.hosts.add(urlsplit(socket.url).hostname)
        socket.on("framereceived", lambda frame: self.frames.append(frame))

    async def text(self, selector: str) -> str:
        return await self.page.locator(selector).inner_text()


@asynccontextmanager
async def browser_page(**options: Any) -> AsyncIterator[Shown]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            shown = Shown(await (await browser.new_context(**options)).new_page())
            shown.listen()
            yield shown
        finally:
            await browser.close()


@browser_test
async def test_prices_move_a_search_subscribes_and_nothing_leaves_this_machine(web: Web, holder: Holder) -> None:
    async with browser_page() as shown:
        page = shown.page
        await page.goto(web.url)
        await expect(page.locator("#sandbox")).to_contain_text("invented")
        await expect(page.locator("#connection")).to_have_text("Live")
        await expect(page.locator(f"{BTC} .bid")).to_have_text(re.compile(r"\d"))
        bid = await shown.text(f"{BTC} .bid")
        await expect(page.locator(f"{BTC} .bid")).not_to_have_text(bid)

        await page.keyboard.press("/")
        await page.keyboard.type("eth-usdt")
        await expect(page.locator("#search-results [role=option]").first).to_contain_text("ETH-USDT")
        await page.keyboard.press("Enter")
        await expect(page.locator(f"{ETH} .bid")).to_have_text(re.compile(r"\d"))
        await expect(page.locator("#stream-rows tr")).to_have_count(2)
        await expect(page.locator("#stream-rows tr").first).to_contain_text("live")

        await page.reload()
        await expect(page.locator(f"{ETH} .bid")).to_have_text(re.compile(r"\d"))
        await page.locator(f"{ETH} button").click()
        await expect(page.locator(ETH)).to_have_count(0)
        async with asyncio.timeout(10):  # the row goes at once, the reply comes after it
            while not any('"action":"unsubscribe"' in frame and '"result":true' in frame for frame in shown.frames):
                await asyncio.sleep(0.05)
        assert shown.problems == []
        assert shown.hosts == {"127.0.0.1"}


@browser_test
async def test_it_says_what_a_source_refuses_and_when_its_quota_comes_back(
    web: Web, settings: Any, sandbox: SandboxServer
) -> None:
    settings.EXCHANGES = ("alphavantage",)
    settings.KEYS = {"alphavantage": {"ALPHAVANTAGE_KEY": "premium-of-the-page"}}
    await sync_to_async(metadata.sync)("alphavantage")
    topics = "alphavantage.ticker.AAPL alphavantage.ticker.NOPE"
    sandbox.fault("quota", exchange="alphavantage", seconds=600)
    async with hold_loop(), browser_page() as shown:
        page = shown.page
        await page.goto(web.url)
        await page.evaluate(f"'{topics}'.split(' ').forEach(add)")
        note = "[data-topic='alphavantage.ticker.{}'] .market small"
        await expect(page.locator(note.format("AAPL"))).to_contain_text("quota_spent: Alpha Vantage: the quota")
        await expect(page.locator(note.format("NOPE"))).to_contain_text("'NOPE' is no market of alphavantage")
        row = page.locator("#exchange-rows tr")
        await expect(row).to_contain_text(re.compile(r"quota_spent: Alpha Vantage.*; asked again in 6 h"))
        await expect(page.locator("#stream-rows")).to_contain_text("quota_spent: Alpha Vantage")
        assert shown.problems == []


@browser_test
async def test_a_lost_connection_comes_back_and_prices_go_on(web: Web, holder: Holder) -> None:
    async with browser_page() as shown:
        page = shown.page
        await page.goto(web.url)
        await expect(page.locator(f"{BTC} .bid")).to_have_text(re.compile(r"\d"))
        await page.evaluate("attempt = 2; socket.close()")
        await expect(page.locator("#connection")).not_to_have_text("Live")
        await expect(page.locator('body:not([data-connection="live"])')).to_have_count(1)  # prices are shown as old
        await expect(page.locator("#connection")).to_have_text("Live")
        bid = await shown.text(f"{BTC} .bid")
        await expect(page.locator(f"{BTC} .bid")).not_to_have_text(bid)
        assert shown.problems == []


@browser_test
async def test_each_figure_has_the_digits_that_were_sent(web: Web, holder: Holder) -> None:
    async with browser_page() as shown:
        await shown.page.goto(web.url)
        await expect(shown.page.locator(f"{BTC} .last")).to_have_text(re.compile(r"\d"))
        figures = {name: await shown.text(f"{BTC} .{name} .figure") for name in ("last", "bid", "ask", "volume")}
        named = {"last": "last_price", "bid": "bid_price", "ask": "ask_price", "volume": "volume_24h"}
        frames = "".join(shown.frames)
        assert [name for name, text in figures.items() if f'"{named[name]}":{text},' not in frames] == []
        text = r'{"a": 60775.850000000000000001, "b": [1e-8, -0.5], "c": "3 \" 4\\", "d": null}'
        read = await shown.page.evaluate("(text) => exact(text)", text)
        assert read == {"a": "60775.850000000000000001", "b": ["1e-8", "-0.5"], "c": '3 " 4\\', "d": None}


@browser_test
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_a_phone_and_can_be_read(web: Web, holder: Holder, scheme: str) -> None:
    async with browser_page(viewport={"width": 400, "height": 800}, color_scheme=scheme) as shown:
        page = shown.page
        await page.goto(web.url)
        await expect(page.locator(f"{BTC} .bid")).to_have_text(re.compile(r"\d"))
        assert await page.evaluate("document.documentElement.scrollWidth") == 400
        colours = await page.evaluate(
            """() => ["body", ".tiles dt", ".banner", ".prices .last", "nav a"].map((selector) => {
              const node = document.querySelector(selector);
              let ground = node;
              while (getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
              return [selector, getComputedStyle(node).color, getComputedStyle(ground).backgroundColor];
            })"""
        )
        assert [name for name, ink, ground in colours if contrast(ink, ground) < 4.5] == []


def contrast(one: str, other: str) -> float:
    """The contrast of two `rgb(r, g, b)` colours, as the WCAG define it: from 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


async def test_it_loads_nothing_from_elsewhere_and_runs_nothing_inline(web: Web) -> None:
    async with httpx.AsyncClient(base_url=web.url, trust_env=False) as client:
        page = await client.get("/")
        rules = dict(rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; "))
        assert rules["default-src"] == "'none'"
        assert rules["script-src"] == rules["style-src"] == rules["img-src"] == "'self'"
        assert rules["connect-src"] == f"'self' {web.url.replace('http', 'ws')} {web.url.replace('http', 'wss')}"
        assert re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", page.text) == []
        assets = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
        assert {(await client.get(asset)).status_code for asset in assets} == {200}


async def test_it_needs_a_session_where_reading_is_not_open(web: Web, settings: Any) -> None:
    settings.OPEN_READ = False
    async with httpx.AsyncClient(base_url=web.url, trust_env=False) as client:
        page = await client.get("/")
        assert (page.status_code, page.headers["location"]) == (302, "/admin/login/?next=/")


def test_whoever_has_a_session_sees_it(listed: None, settings: Any, admin_client: Any) -> None:
    settings.OPEN_READ, settings.SANDBOX = False, False
    page = admin_client.get("/")
    assert page.status_code == 200
    assert "invented" not in page.content.decode()


def test_what_is_pinned_is_shown_first(listed: None, client: Any) -> None:
    for stream in ("ticker", "trade"):
        Pin.objects.create(exchange="binance", symbol="ETH-USDT", stream=stream)
    assert 'data-topics="binance.ticker.ETH-USDT"' in client.get("/").content.decode()
