"""Our adapters' reading of a sandbox: REST by the card's own requests, streams through the feed on a real socket."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

import httpx
from websockets.asyncio.client import connect

from exchanges.contract import Card, Fetch, Request, Send, Want
from exchanges.errors import RateLimited
from exchanges.events import Candle, Depth, Event, Level, Ticker, Trade
from exchanges.registry import card
from exchanges.symbols import Instrument, Instruments
from tests.sandbox_server import SandboxServer

PATIENCE_S = 20.0
Book = tuple[dict[str, str], dict[str, str]]  # price to quantity, of bids and of asks
Kind = TypeVar("Kind", bound=Event)


class Ours:
    """One exchange of a sandbox, as our adapter reads it."""

    def __init__(self, exchange: str, server: SandboxServer, key: str | None = None) -> None:
        """With a `key`, it stands for each that the exchange takes; without, the adapter has none."""
        one: Card = card(exchange).at(server.at(exchange))
        self.card = replace(one, keys=dict.fromkeys(one.key_names, key)) if key else one
        self.instruments = Instruments()

    @classmethod
    async def loaded(cls, exchange: str, server: SandboxServer, key: str | None = None) -> "Ours":
        """With the exchange's markets known."""
        ours = cls(exchange, server, key)
        await ours.load()
        return ours

    async def fetch(self, request: Request) -> bytes:
        """The answer; where the exchange asks for a pause, after it."""
        signed = self.card.sign(request, self.card.keys)
        url = self.card.address(request) + signed.target
        async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(timeout=PATIENCE_S) as client:
            while True:
                answer = await client.request(request.method, url, content=request.body, headers=signed.headers)
                error = self.card.rest.read_error(answer.status_code, answer.headers, answer.content)
                if not isinstance(error, RateLimited):
                    break
                await asyncio.sleep(error.retry_after_s)
        assert error is None, error
        return answer.content

    async def load(self) -> Instruments:
        bodies = [await self.fetch(request) for request in self.card.rest.instruments_requests()]
        self.instruments.become(one for body in bodies for one in self.card.rest.read_instruments(body))
        return self.instruments

    async def candles(self, instrument: Instrument, interval: str, start_ms: int, end_ms: int) -> list[Candle]:
        body = await self.fetch(self.card.rest.candles_request(instrument, interval, start_ms, end_ms))
        return self.card.rest.read_candles(body, instrument, interval, time.time_ns())

    async def trades(self, instrument: Instrument, from_id: str | None = None) -> list[Trade]:
        body = await self.fetch(self.card.rest.trades_request(instrument, from_id))
        return self.card.rest.read_trades(body, instrument, time.time_ns())

    async def ticker(self, instrument: Instrument) -> Ticker:
        body = await self.fetch(self.card.rest.ticker_request(instrument))
        return self.card.rest.read_ticker(body, instrument, time.time_ns())

    async def depth(self, instrument: Instrument, limit: int) -> Depth:
        body = await self.fetch(self.card.rest.depth_request(instrument, limit))
        return self.card.rest.read_depth(body, instrument, time.time_ns())

    @contextlib.asynccontextmanager
    async def listening(self, *wants: Want) -> AsyncIterator[list[Event]]:
        """The events of the feed, growing while the block runs; all wants lie on one socket."""
        heard: list[Event] = []
        index = self.card.socket_of(*wants[0])
        listening = asyncio.create_task(self._converse(self.card.sockets[index].url, wants, heard))
        try:
            yield heard
        finally:
            assert not listening.done(), listening.exception()
            listening.cancel()

    async def _converse(self, url: str, wants: tuple[Want, ...], heard: list[Event]) -> None:
        feed = self.card.feed(self.instruments)
        async with connect(url, max_size=None) as socket:

            async def act(outputs: Any) -> None:
                for output in outputs:
                    match output:
                        case Send(text):
                            await socket.send(text)
                        case Fetch(request):
                            await act(feed.answered(request, await self.fetch(request), time.time_ns()))
                        case Event():
                            heard.append(output)

            await act(feed.opening())
            await act(feed.wanted(wants))
            async for frame in socket:
                await act(feed.receive(frame, time.time_ns()))
                await act(feed.tick(time.time_ns()))


async def until(found: Any, patience_s: float = PATIENCE_S) -> Any:
    """What `found()` gives, as soon as it gives something."""
    async with asyncio.timeout(patience_s):
        while not (something := found()):
            await asyncio.sleep(0.01)
    return something


def of(heard: list[Event], kind: type[Kind]) -> list[Kind]:
    """Those events that are of this kind."""
    return [event for event in heard if isinstance(event, kind)]


def by_id(heard: list[Event]) -> dict[str, Trade]:
    return {event.trade_id: event for event in of(heard, Trade)}


def best(book: Book, count: int | None = None) -> tuple[list[Level], list[Level]]:
    """The levels of bids and asks, from the best price on."""
    bids, asks = (sorted(side.items(), key=lambda level: Decimal(level[0])) for side in book)
    return bids[::-1][:count], asks[:count]


def sequence(event: Depth) -> int | None:
    return event.sequence


def moment_ms(event: Depth) -> int:
    """The exchange's own time; ccxt keeps that of some books and not their number."""
    return (event.event_us or 0) // 1000


def books(heard: list[Event], key: Callable[[Depth], Any] = sequence) -> dict[Any, Book]:
    """The book after each of our depth events, by the exchange's own number."""
    found: dict[Any, Any] = {}
    sides: tuple[dict[str, str], dict[str, str]] = {}, {}
    for event in of(heard, Depth):
        for side, levels in zip(sides, (event.bids, event.asks), strict=True):
            if event.type == "snapshot":
                side.clear()
            side.update(levels)
            for price in [price for price, quantity in side.items() if quantity == "0"]:
                del side[price]
        found[key(event)] = dict(sides[0]), dict(sides[1])
    return found
