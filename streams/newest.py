"""The newest known state of one market: from Redis where it is streamed, else asked from the exchange."""

from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from asgiref.sync import async_to_sync
from redis.exceptions import RedisError

from exchanges.book import Book
from exchanges.contract import Card
from exchanges.symbols import Topic
from marketdata.models import Symbol
from marketdata.problems import Problem
from streams import asked, exact, history, keys
from streams.connection import redis
from streams.history import Kept
from streams.position import Position

T = TypeVar("T")
Row = dict[str, Any]

FRESH_S = 5  # a topic whose last heartbeat is older is carried by nobody
SNAPSHOT = b'"type":"snapshot"'


@dataclass
class Streamed:
    """What Redis has of a topic that is live now, and of its history what was asked for."""

    kept: Kept
    events: list[tuple[Position, bytes]] = field(default_factory=list)


def ticker(card: Card, market: Symbol) -> Row:
    """The last ticker; `live` where it comes from the running stream."""
    streamed = _now(_latest(_topic(card, market, "ticker")))
    if streamed and streamed.kept.event:
        return _row(streamed.kept.event, live=True)
    return _row(asked.ask(card, market, "ticker")[0], live=False)


def trades(card: Card, market: Symbol, limit: int) -> Row:
    """At most `limit` trades, oldest first."""
    streamed = _now(_trades(_topic(card, market, "trade"), limit))
    live = bool(streamed and streamed.events)
    texts = [text for _, text in streamed.events] if live else asked.ask(card, market, "trades", limit)
    named = {"exchange": card.code, "symbol": market.symbol, "venue_symbol": market.venue_symbol}
    return {**named, "live": live, "results": [exact.read(text) for text in texts if text]}


def depth(card: Card, market: Symbol, limit: int) -> Row:
    """The best `limit` levels a side, as a snapshot."""
    streamed = _now(_depth(_topic(card, market, "depth")))
    last = applied(streamed) if streamed else None
    if last:
        event, book = last
        bids, asks = (exact.levels(side) for side in book.best(limit))
        return {**_row(event, live=True), "type": "snapshot", "bids": bids, "asks": asks}
    row = _row(asked.ask(card, market, "depth", limit)[0], live=False)
    return {**row, "bids": row["bids"][:limit], "asks": row["asks"][:limit]}


def applied(streamed: Streamed) -> tuple[bytes, Book] | None:
    """The last event and the book after it; None where no book is proven: none kept, or an event is missing."""
    kept, book = streamed.kept, Book()
    if not kept.book or kept.book_position.epoch != kept.position.epoch:
        return None
    book.replace(*exact.sides(kept.book))
    at, last = kept.book_position, kept.book
    for position, text in streamed.events:
        if position.epoch != at.epoch:
            break  # a gap: the book before it is the last that is proven
        if position.seq != at.seq + 1:
            return None
        at = position
        if text.startswith(b'{"event":"depth"'):
            last = text
            (book.replace if SNAPSHOT in text else book.apply)(*exact.sides(text))
    return last, book


def said(status: bytes | None) -> Row:
    """The members of the last status event; none where there was none."""
    return msgspec.json.decode(status or b"{}")


def carried(heartbeat_s: int | None, status: Row, now_s: int) -> bool:
    """Whether a hold loop carries the topic, by its last heartbeat or, before the first, its status. Unix seconds, by
    Redis' clock."""
    last_s = max(heartbeat_s or 0, status.get("received_time", 0) // 1000)
    return now_s - last_s <= FRESH_S


async def _latest(topic: str) -> Streamed | None:
    """None where the topic is not live."""
    heartbeat_s = await redis().zscore(keys.RUNNING, topic)
    now_s, _ = await redis().time()
    kept = (await history.kept(redis(), [topic]))[0]
    status = said(kept.status)
    live = kept.fresh and status.get("status") == "live" and carried(heartbeat_s and int(heartbeat_s), status, now_s)
    return Streamed(kept) if live else None


async def _trades(topic: str, limit: int) -> Streamed | None:
    streamed = await _latest(topic)
    if streamed:
        streamed.events = (await history.last_trades(redis(), topic, limit)).events
    return streamed


async def _depth(topic: str) -> Streamed | None:
    streamed = await _latest(topic)
    at = streamed.kept.book_position if streamed else None
    while streamed and at < streamed.kept.position:
        found = await history.after(redis(), topic, at)
        if not found.events:
            break
        streamed.events += found.events
        at = found.last
    return streamed


def _now(reading: Coroutine[Any, Any, T]) -> T:
    """From a view's thread; in a server that is asynchronous this runs in its loop, with the loop's connections."""

    async def read() -> T:
        return await reading

    try:
        return async_to_sync(read)()
    except (RedisError, OSError) as error:
        raise Problem("unavailable", f"Redis does not answer ({error}); try again.") from None


def _topic(card: Card, market: Symbol, stream: str) -> str:
    return str(Topic(card.code, stream, market.symbol))


def _row(text: bytes, live: bool) -> Row:
    return {**exact.read(text), "live": live}
