"""A session goes on where its feed fails, rather than wait for what can no longer come."""

from collections.abc import Collection, Iterable
from dataclasses import replace

import pytest

from exchanges.binance.feed import BinanceFeed
from exchanges.contract import Output, Request, Want
from exchanges.symbols import Instruments
from marketdata import cards
from tests.streams.heard import is_
from tests.streams.live import Web, hold_loop

TICKER, DEPTH = "binance.ticker.BTC-USDT", "binance.depth.BTC-USDT"


class Fragile(BinanceFeed):
    """Fails once, at the first of the inputs that `at` names once depth is wanted."""

    at = ""

    @classmethod
    def break_at(cls, name: str) -> None:
        if cls.at == name:
            cls.at = ""
            raise ValueError("a feed with an error")

    def answered(self, request: Request, body: bytes, received_ns: int) -> Iterable[Output]:
        self.break_at("answered")
        return super().answered(request, body, received_ns)

    def tick(self, now_ns: int) -> Iterable[Output]:
        self.break_at("tick")
        return super().tick(now_ns)

    def wanted(self, wants: Collection[Want]) -> Iterable[Output]:
        if ("depth", "BTC-USDT") in wants:
            self.break_at("wanted")
        return super().wanted(wants)


def fragile(instruments: Instruments, _: object) -> Fragile:
    return Fragile(instruments)


@pytest.mark.parametrize("at", ["answered", "tick", "wanted"])
async def test_a_feed_that_fails_is_replaced_with_its_connection(
    web: Web, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    card = replace(cards.card("binance"), new_feed=fragile)
    async with hold_loop() as holder, web.client() as client:
        holder.sources.cards["binance"] = card
        await client.subscribe(TICKER)
        await client.until(is_("ticker", TICKER))
        monkeypatch.setattr(Fragile, "at", at)
        await client.subscribe(DEPTH)
        await client.until(is_("gap", TICKER, reason="disconnect"))
        await client.until(is_("depth", DEPTH, type="snapshot"))
        assert Fragile.at == ""
