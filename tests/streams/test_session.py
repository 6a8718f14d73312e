"""A session goes on where its feed fails, rather than wait for what can no longer come."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from channels.layers import get_channel_layer
from websockets.asyncio.server import ServerConnection, serve

from exchanges.binance.feed import BinanceFeed
from exchanges.budget import Budget
from exchanges.client import Client
from exchanges.contract import Output, Request, Want
from exchanges.symbols import Instruments
from marketdata import cards
from streams.connection import redis
from streams.ending import ended
from streams.lease import Lease
from streams.numbering import Numbering
from streams.publishers.redis import Publisher
from streams.recall import Recall
from streams.rejections import Rejections
from streams.session import YIELD_EVERY, Session
from streams.tape import Tape
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


class Counting(BinanceFeed):
    """Counts frames and makes nothing of them."""

    frames = 0

    def receive(self, frame: str | bytes, received_ns: int) -> Iterable[Output]:
        self.frames += 1
        return ()


async def flood(socket: ServerConnection) -> None:
    for _ in range(200 * YIELD_EVERY):
        await socket.send("{}")
    await socket.wait_closed()


async def farewell(socket: ServerConnection) -> None:
    await socket.close(1000, "too_many_requests")


@contextlib.asynccontextmanager
async def session_with(
    exchange: Callable[[ServerConnection], Awaitable[None]], feed: BinanceFeed
) -> AsyncIterator[None]:
    """A session of Binance that runs, connected to `exchange` in place of it."""
    async with serve(exchange, "127.0.0.1", 0, compression=None) as server:
        card, port = cards.card("binance"), server.sockets[0].getsockname()[1]
        here = replace(card.sockets[0], url=f"ws://127.0.0.1:{port}", connects=None)
        card = replace(card, sockets=(here,), new_feed=lambda *_: feed)
        publisher = Publisher(redis(), get_channel_layer(), 10, 10, lambda: None, lambda _: None)
        numbering = Numbering("binance", Lease("lease:binance:0-0", "1:one"), Instruments(), publisher, "", print)
        client = Client(card, Budget(redis(), "binance", card.limits))
        connects = Budget(redis(), "connects", [])
        recall = Recall(card, client, redis(), 600)
        track = Tape(redis(), "one", 2**20).track(card, "0-0", Instruments())
        session = Session(card, 0, Instruments(), numbering, client, Rejections("binance"), connects, recall, track)
        running = asyncio.create_task(session.run())
        try:
            yield
        finally:
            await ended([running])


async def test_many_frames_that_wait_leave_the_others_their_turn() -> None:
    feed, turns = Counting(Instruments()), [0]
    async with session_with(flood, feed), asyncio.timeout(20):
        while feed.frames < 200 * YIELD_EVERY:
            await asyncio.sleep(0)
            turns.append(feed.frames)
    assert max(later - earlier for earlier, later in pairwise(turns)) <= YIELD_EVERY


async def test_how_the_exchange_ended_a_connection_is_told_in_its_words(caplog: pytest.LogCaptureFixture) -> None:
    async with session_with(farewell, Counting(Instruments())), asyncio.timeout(20):
        while "reconnecting" not in caplog.text:
            await asyncio.sleep(0.01)
    assert "the exchange closed the connection: 1000 too_many_requests" in caplog.text
