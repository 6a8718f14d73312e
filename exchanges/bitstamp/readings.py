"""What Bitstamp's figures say, in our words: a trade, the levels of a book, the ticker."""

from decimal import Decimal

from exchanges.bitstamp import frames, names
from exchanges.decimals import ZERO, unsigned
from exchanges.depths import levels
from exchanges.errors import BadFrame
from exchanges.events import Level, Ticker, Trade

Sides = tuple[tuple[Level, ...], tuple[Level, ...]]


def trade(symbol: str, market: str, match: frames.Match, received_ns: int) -> Trade:
    """The frame has no time of its own beside the match's."""
    micros = int(match.microtimestamp)
    return Trade(
        symbol=symbol, venue_symbol=market, received_ns=received_ns, event_us=micros, trade_id=str(match.id),
        price=unsigned(match.price_str), quantity=unsigned(match.amount_str), side=names.side(str(match.type)),
        trade_us=micros,
    )  # fmt: skip


def sides(book: frames.Book) -> Sides:
    """Bids and asks; a price of 0, which they list at times, is none. BadFrame where they cross."""
    bids, asks = _standing(book.bids), _standing(book.asks)
    if bids and asks and max(map(_price, bids)) >= min(map(_price, asks)):
        raise BadFrame("a crossed book, which they correct with the next frame", "crossed book")
    return bids, asks


def ticker(symbol: str, market: str, day: frames.Day, received_ns: int) -> Ticker:
    """The figures of 24 hours roll; their average price is rounded, so there is no volume in the quote."""
    return Ticker(
        symbol=symbol, venue_symbol=market, received_ns=received_ns, event_us=int(day.timestamp) * 1_000_000,
        last_price=names.existing(day.last), bid_price=names.existing(day.bid), ask_price=names.existing(day.ask),
        open_24h=names.existing(day.open_24), high_24h=names.existing(day.high), low_24h=names.existing(day.low),
        volume_24h=unsigned(day.volume) if day.volume else None,
    )  # fmt: skip


def _standing(side: list[tuple[str, str]]) -> tuple[Level, ...]:
    return tuple(level for level in levels(side) if ZERO not in level)


def _price(level: Level) -> Decimal:
    return Decimal(level[0])
