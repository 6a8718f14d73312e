"""What is wanted of one connection, and the trades and tickers of both interfaces in our words. Pure."""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import Protocol

from exchanges.coinbase import frames, names
from exchanges.coinbase.polls import polled
from exchanges.contract import Output, Want
from exchanges.decimals import Number, unsigned
from exchanges.events import Ticker, Trade
from exchanges.symbols import Instruments, kind_of
from exchanges.trade_ids import TradeIds

ON_EXCHANGE = ("trade", "ticker")  # of spot, the streams of the Exchange's socket; all others are Advanced Trade's
REMEMBERED = 1000  # trades of a future whose ids are known; a snapshot repeats about a hundred


class Stamped(Protocol):
    received_ns: int
    event_us: int | None


class Wants:
    """The wanted streams by venue symbol, without those that are polled. Never told, everything is wanted."""

    def __init__(self, instruments: Instruments) -> None:
        self.instruments = instruments
        self.told = False
        self.polled: set[Want] = set()
        self.advanced = self.exchange = False  # whether the connection is that interface's
        self._streams: dict[str, set[str]] = {}

    def become(self, wants: Collection[Want]) -> None:
        self.told = True
        self.polled = {(stream, symbol) for stream, symbol in wants if polled(stream)}
        pairs = {want for want in wants if want[0] in ON_EXCHANGE and kind_of(want[1]) == "spot"}
        self.exchange, self.advanced = bool(pairs), bool(set(wants) - pairs)
        self._streams = {}
        for stream, symbol in set(wants) - self.polled:
            self._streams.setdefault(self.instruments.venue_symbol(symbol), set()).add(stream)

    def streams(self, market: str) -> set[str]:
        return self._streams.get(market, set())

    def markets(self, *streams: str) -> set[str]:
        """The markets of which one of `streams` is wanted."""
        return {market for market, wanted in self._streams.items() if wanted & set(streams)}

    def pairs(self, stream: str) -> set[str]:
        """The markets whose `stream` is wanted of the Exchange."""
        return {market for market in self.markets(stream) if self._is_pair(market)}

    def others(self, stream: str) -> set[str]:
        """The markets whose trades or tickers are wanted of Advanced Trade."""
        return {market for market in self.markets(stream) if not self._is_pair(market)}

    def _is_pair(self, market: str) -> bool:
        return kind_of(self.instruments.symbol(market)) == "spot"

    def symbol(self, stream: str, market: str) -> str | None:
        """Our symbol, or None where the stream is not wanted."""
        wanted = not self.told or stream in self._streams.get(market, ())
        return self.instruments.symbol(market) if wanted and market else None

    def short_ticker(self, row: frames.ShortTicker, stamp: Stamped) -> Ticker:
        """Of Advanced Trade: no last quantity and no opening; without the book on `ticker_batch`."""
        bid, ask = names.existing(row.best_bid), names.existing(row.best_ask)
        size = names.contract_size(self.instruments, row.product_id)
        return Ticker(
            symbol=self.instruments.symbol(row.product_id), venue_symbol=row.product_id,
            received_ns=stamp.received_ns, event_us=stamp.event_us, last_price=names.existing(row.price),
            bid_price=bid, bid_quantity=_units(row.best_bid_quantity, size) if bid else None,
            ask_price=ask, ask_quantity=_units(row.best_ask_quantity, size) if ask else None,
            high_24h=names.existing(row.high_24_h), low_24h=names.existing(row.low_24_h),
            volume_24h=_units(row.volume_24_h, size),
        )  # fmt: skip


class Trades:
    """The trades of all markets. A spot market's ids are integers that run without a hole, the same on both sides; of
    others nothing is known but that one that comes again is the same trade."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants
        self._ids = TradeIds()
        self._known: dict[str, OrderedDict[str, None]] = {}  # ids by market, where they may have holes

    def keep(self, markets: Collection[str]) -> None:
        self._ids.keep(markets)
        self._known = {market: known for market, known in self._known.items() if market in markets}

    def unnumbered(self) -> set[str]:
        """The markets with trades whose ids prove nothing."""
        return set(self._known)

    def told(
        self, market: str, trade_id: str, price: str, size: str, maker: str, time: str, received_ns: int,
        event_us: int | None,
    ) -> Iterable[Output]:  # fmt: skip
        symbol = self._wants.symbol("trade", market)
        if symbol is None:
            return ()
        contract = names.contract_size(self._wants.instruments, market)
        trade = Trade(
            symbol=symbol, venue_symbol=market, received_ns=received_ns, event_us=event_us, trade_id=trade_id,
            price=unsigned(price), quantity=names.units(size, contract), side=names.taker(maker),
            trade_us=names.micros(time), venue_quantity=unsigned(size) if contract else None,
        )  # fmt: skip
        if names.number(trade_id) is not None and names.spelled(market):
            return self._ids.events(trade)
        return (trade,) if self._is_new(market, trade_id) else ()

    def _is_new(self, market: str, trade_id: str) -> bool:
        known = self._known.setdefault(market, OrderedDict())
        if trade_id in known:
            return False
        known[trade_id] = None
        if len(known) > REMEMBERED:
            known.popitem(last=False)
        return True


def _units(quantity: str | None, size: Number | None) -> Number | None:
    return names.units(quantity, size) if quantity else None
