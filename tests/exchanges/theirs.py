"""What a client that nobody here wrote (ccxt, unmodified) makes of a sandbox, beside what our adapter makes of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from exchanges.events import Candle, Depth, Trade

WAIT_S = 15
Kept = Callable[[Any], Any]


@pytest.fixture
async def kept() -> AsyncIterator[Kept]:
    """`kept(client)` is the client; it is closed when the test ends."""
    clients: list[Any] = []

    def keep(client: Any) -> Any:
        clients.append(client)
        return client

    yield keep
    for client in clients:
        await client.close()


async def soon(awaitable: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(awaitable, WAIT_S)


def exact(number: Any) -> Decimal:
    """What ccxt made of a number, as the decimal that stands for it."""
    return Decimal(repr(number))


def same(theirs: Any, ours: str | None) -> bool:
    """A number as ccxt read it, through a float of its own, and as we did."""
    if theirs is None or ours is None:
        return theirs is ours
    return exact(theirs) == exact(float(ours))  # ccxt's own reading of the same text


def same_levels(theirs: Sequence[Any], ours: Sequence[tuple[str, str]], count: int | None = None) -> bool:
    """One side of a book in its order; `count` levels where it is given. Theirs may tell more of a level."""
    return len(theirs) == len(ours) == (count or len(ours)) and all(
        same(row[0], price) and same(row[1], quantity) for row, (price, quantity) in zip(theirs, ours, strict=True)
    )


def same_book(theirs: Any, ours: Depth, count: int | None = None) -> bool:
    return same_levels(theirs["bids"], ours.bids, count) and same_levels(theirs["asks"], ours.asks, count)


def same_candle(theirs: list[Any], ours: Candle) -> bool:
    open_ms, *figures = theirs
    mine = (ours.open, ours.high, ours.low, ours.close, ours.volume)
    return open_ms == ours.open_ms and all(map(same, figures, mine))


def same_candles(theirs: list[Any], ours: list[Candle], count: int) -> bool:
    """Closed candles, `count` of them."""
    return len(theirs) == len(ours) == count and all(
        candle.closed and same_candle(row, candle) for row, candle in zip(theirs, ours, strict=True)
    )


def same_trade(theirs: Any, ours: Trade) -> bool:
    """Where we give a quantity in units of our own, ccxt has the exchange's figure."""
    at = (theirs["id"], theirs["side"], theirs["timestamp"]) == (ours.trade_id, ours.side, (ours.trade_us or 0) // 1000)
    return at and same(theirs["price"], ours.price) and same(theirs["amount"], ours.venue_quantity or ours.quantity)
