"""The whole adapter in conversation with the sandbox, over real sockets and HTTP: what it reads is what is there."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
import websockets
from redis.asyncio import Redis

from exchanges.binance import CARD
from exchanges.binance.feed import BinanceFeed
from exchanges.budget import Budget
from exchanges.client import Client
from exchanges.contract import ALL, Fetch, Output, Rest, Send, Want
from exchanges.decimals import Number
from exchanges.errors import UnknownMarket
from exchanges.events import Candle, Depth, Gap, Level, Rejected, Ticker, Trade
from exchanges.symbols import Instrument, Instruments
from tests.sandbox_server import SandboxServer, StartSandbox

PATIENCE_S = 20.0


class Conversation:
    """A feed on a real connection; `heard` is everything it said."""

    def __init__(self, client: Client, instruments: Instruments, socket: websockets.ClientConnection) -> None:
        self.feed, self.heard = BinanceFeed(instruments), list[Output]()
        self._client, self._socket = client, socket

    async def want(self, *wants: Want) -> None:
        await self._act(self.feed.wanted(wants))

    async def until(self, enough: Callable[[list[Output]], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not enough(self.heard):
                try:
                    frame = await asyncio.wait_for(self._socket.recv(), 0.1)
                except TimeoutError:
                    await self._act(self.feed.tick(time.time_ns()))
                else:
                    await self._act(self.feed.receive(frame, time.time_ns()))

    def of(self, kind: type, stream: str = "") -> list[Output]:
        return [output for output in self.heard if isinstance(output, kind) and stream in ("", output.stream)]  # type: ignore[attr-defined]

    async def _act(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if isinstance(output, Send):
                await self._socket.send(output.text)
            elif isinstance(output, Fetch):
                body = await self._client.fetch(output.request)
                await self._act(self.feed.answered(output.request, body, time.time_ns()))
            else:
                self.heard.append(output)


@asynccontextmanager
async def conversation(server: SandboxServer, redis: Redis) -> AsyncIterator[tuple[Conversation, Client, Instruments]]:
    card = CARD.at(server.at())
    async with Client(card, Budget(redis, "binance", card.limits)) as client:
        [request] = card.rest.instruments_requests()
        instruments = Instruments(card.rest.read_instruments(await client.fetch(request)))
        async with websockets.connect(card.sockets[0].url) as socket:
            yield Conversation(client, instruments, socket), client, instruments


def window(depths: list[Output]) -> dict[int, tuple[list[Level], list[Level]]]:
    """By sequence, the best 20 levels that a client has who knows nothing but these events."""
    sides: tuple[dict[Number, Number], dict[Number, Number]] = ({}, {})
    seen = {}
    for depth in depths:
        assert isinstance(depth, Depth) and depth.sequence is not None
        for side, changes in zip(sides, (depth.bids, depth.asks), strict=True):
            if depth.type == "snapshot":
                side.clear()
            side.update(changes)
            for price in [price for price, quantity in changes if quantity == "0"]:
                del side[price]
        bids = sorted(sides[0].items(), key=lambda level: -Decimal(level[0]))[:20]
        asks = sorted(sides[1].items(), key=lambda level: Decimal(level[0]))[:20]
        seen[depth.sequence] = (bids, asks)
    return seen


async def test_the_book_of_the_adapter_is_the_book_of_the_exchange(
    start_sandbox: StartSandbox, async_redis: Redis
) -> None:
    server = start_sandbox(seed=3, rate=60, symbols=1)
    async with conversation(server, async_redis) as (talk, client, instruments):
        await talk.want(("depth", "BTC-USDT"), ("depth_5", "BTC-USDT"))
        await talk.until(lambda heard: bool(heard))
        compared = 0
        for _ in range(12):
            request = CARD.rest.depth_request(instruments.by_symbol["BTC-USDT"], 100)
            theirs = CARD.rest.read_depth(await client.fetch(request), instruments.by_symbol["BTC-USDT"], 0)
            await talk.until(lambda heard: (heard[-1].sequence or 0) > theirs.sequence)  # type: ignore[union-attr,operator] # noqa: B023
            ours = window(talk.of(Depth, "depth")).get(theirs.sequence or 0)
            if ours is not None:
                compared += 1
                assert ours == (list(theirs.bids[:20]), list(theirs.asks[:20]))
        assert compared >= 2
        assert not talk.of(Gap) and not talk.of(Rejected)
        pictures = talk.of(Depth, "depth_5")
        assert pictures and all(len(picture.bids) == 5 for picture in pictures)  # type: ignore[union-attr]


async def test_a_skipped_update_is_a_gap_and_a_new_snapshot(start_sandbox: StartSandbox, async_redis: Redis) -> None:
    server = start_sandbox(seed=3, rate=100, symbols=1)
    async with conversation(server, async_redis) as (talk, _, __):
        await talk.want(("depth", "BTC-USDT"))
        await talk.until(lambda heard: len(heard) > 5)
        server.fault("skip", exchange="binance", symbol="BTCUSDT", stream="depth", count=1)
        await talk.until(lambda heard: any(isinstance(output, Gap) for output in heard))
        kinds = [output.type if isinstance(output, Depth) else type(output) for output in talk.heard]
        place = kinds.index(Gap)
        await talk.until(lambda heard: len(heard) > place + 2)
        assert [output.type for output in talk.heard[place + 1 : place + 3]] == ["snapshot", "delta"]  # type: ignore[union-attr]


async def test_every_stream_speaks_and_nothing_is_rejected(sandbox: SandboxServer, async_redis: Redis) -> None:
    async with conversation(sandbox, async_redis) as (talk, client, instruments):
        streams = ("trade", "ticker", "depth", "depth_5", "candle_1m", "candle_1s")
        await talk.want(*((stream, symbol) for stream in streams for symbol in ("BTC-USDT", "ETH-USDT")))

        def all_spoke(heard: list[Output]) -> bool:
            said = {(output.stream, output.symbol) for output in heard}  # type: ignore[union-attr]
            return said >= {(stream, symbol) for stream in streams for symbol in ("BTC-USDT", "ETH-USDT")}

        await talk.until(lambda heard: all_spoke(heard) and len(heard) > 200)
        assert not talk.of(Rejected) and not talk.of(Gap)
        ids = [int(trade.trade_id) for trade in talk.of(Trade) if trade.symbol == "BTC-USDT"]  # type: ignore[union-attr]
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        tickers = [ticker for ticker in talk.of(Ticker) if ticker.symbol == "BTC-USDT"]  # type: ignore[union-attr]
        assert any(ticker.last_price and ticker.bid_price for ticker in tickers)  # type: ignore[union-attr]
        trades = CARD.rest.trades_request(instruments.by_symbol["BTC-USDT"], str(ids[0]), len(ids))
        again = CARD.rest.read_trades(await client.fetch(trades), instruments.by_symbol["BTC-USDT"], 0)
        live = [trade for trade in talk.of(Trade) if trade.symbol == "BTC-USDT"]  # type: ignore[union-attr]
        assert [figures(trade) for trade in again] == [figures(trade) for trade in live]  # type: ignore[arg-type]


def figures(trade: Trade) -> tuple[object, ...]:
    return trade.trade_id, trade.price, trade.quantity, trade.side, trade.trade_us


async def test_every_request_is_answered_with_what_it_reads(sandbox: SandboxServer, async_redis: Redis) -> None:
    async with conversation(sandbox, async_redis) as (_, client, instruments):
        rest: Rest = CARD.rest
        market, now_ms = instruments.by_symbol["BTC-USDT"], time.time_ns() // 1_000_000
        start_ms = now_ms - now_ms % 60_000 - 600_000
        candles = await client.fetch(rest.candles_request(market, "1m", start_ms, start_ms + 300_000))
        read: list[Candle] = rest.read_candles(candles, market, "1m", 0, now_ms)
        assert [candle.open_ms for candle in read] == [start_ms + 60_000 * n for n in range(5)]
        assert all(candle.closed for candle in read)
        ticker = rest.read_ticker(await client.fetch(rest.ticker_request(market)), market, 0)
        assert ticker.last_price and ticker.bid_price and ticker.volume_24h
        assert len(rest.read_depth(await client.fetch(rest.depth_request(market, 5)), market, 0).bids) == 5
        assert await client.fetch(CARD.probe) == b"{}"


async def test_every_markets_ticker_comes_by_one_subscription(sandbox: SandboxServer, async_redis: Redis) -> None:
    async with conversation(sandbox, async_redis) as (talk, _, instruments):
        await talk.want(("ticker", ALL))

        def whole(heard: list[Output]) -> bool:
            tickers = [output for output in heard if isinstance(output, Ticker)]
            told = {one.symbol for one in tickers if one.last_price and one.bid_price and one.ask_price}
            return told == instruments.by_symbol.keys()

        await talk.until(whole)
        assert not talk.of(Rejected)


async def test_a_market_that_is_not_listed_is_unknown(sandbox: SandboxServer, async_redis: Redis) -> None:
    nowhere = Instrument(symbol="NO-SUCH", venue_symbol="NOSUCH", base="NO", quote="SUCH", kind="spot")
    async with conversation(sandbox, async_redis) as (_, client, __):
        with pytest.raises(UnknownMarket, match="-1121"):
            await client.fetch(CARD.rest.ticker_request(nowhere))
