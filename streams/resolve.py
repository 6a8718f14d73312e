"""From what a user wrote to the one topic that is meant; pure. Refusals name what would do."""

from collections.abc import Mapping
from difflib import get_close_matches

from exchanges.contract import Card
from exchanges.intervals import INTERVALS
from exchanges.symbols import Instrument, Instruments, Topic
from streams.messages import Refused

STREAMS = (
    "trade", "ticker", "depth", "depth_5", "depth_10", "depth_20", "depth_50",
    *(f"candle_{interval}" for interval in INTERVALS),
)  # fmt: skip


def card(cards: Mapping[str, Card], exchange: str) -> Card:
    """The exchange's card."""
    found = cards.get(exchange.lower())
    if found is None:
        raise Refused("unknown_exchange", f"exchange: {exchange[:80]!r} came; {', '.join(cards)} would do")
    return found


def stream(card: Card, asked: str) -> str:
    """A stream that the exchange offers."""
    offered = card.stream_names()
    if asked in offered:
        return asked
    if asked in STREAMS:
        raise Refused("not_supported", f"stream: {card.code} does not offer {asked!r}; it offers {', '.join(offered)}")
    near = get_close_matches(asked, offered, n=1, cutoff=0.6)
    hint = f"nearest: {near[0]}; " if near else ""
    raise Refused("unknown_stream", f"stream: {asked[:80]!r} came; {hint}{', '.join(offered)} would do")


def market(markets: Instruments, card: Card, asked: str) -> Instrument:
    """The market that is meant, in any spelling."""
    exchange = card.code
    if not len(markets):
        raise Refused("unavailable", f"the markets of {exchange} are not known yet; try again in a few seconds")
    found = markets.find(asked)
    if found is None:
        near = ", ".join(markets.nearest(asked))
        hint = f"nearest: {near}" if near else f"GET /api/v1/symbols/?exchange={exchange} lists them"
        closed = _closed(card, markets)
        if closed:
            raise Refused("not_authenticated", f"pair: {asked[:80]!r} is not known of {exchange}; {closed}; {hint}")
        raise Refused("unknown_pair", f"pair: {asked[:80]!r} is no market of {exchange}; {hint}")
    return found


def _closed(card: Card, markets: Instruments) -> str:
    """Which markets nobody told us of, for want of keys; empty where we know of all."""
    kinds = {one.kind for one in markets.by_symbol.values()} if card.keyed_kinds and not card.keyed else None
    if kinds is None or kinds & set(card.keyed_kinds):
        return ""
    return f"it lists each {' and '.join(card.keyed_kinds)} to those with keys alone ({', '.join(card.key_names)})"


def topic(card: Card, markets: Instruments, asked_stream: str, asked_pair: str) -> Topic:
    """The topic, as subscriptions, Redis and recordings name it."""
    return Topic(card.code, stream(card, asked_stream), market(markets, card, asked_pair).symbol)
