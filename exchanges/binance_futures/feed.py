"""One connection's conversation with Binance USD-M Futures: spot's, with another book rule and other payloads. Pure.

Source: https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams.
"""

from collections.abc import Collection, Iterable
from functools import partial

from exchanges.binance import names as spot
from exchanges.binance import tickers, trades
from exchanges.binance.feed import BinanceFeed
from exchanges.binance_futures import frames, names, rest
from exchanges.contract import Output, Request, Want
from exchanges.decimals import unsigned
from exchanges.depths import levels
from exchanges.events import Candle, Depth, Trade
from exchanges.seeded import SeededBook, Update
from exchanges.seeded_books import SeededBooks
from exchanges.tickers import Figures

LIMIT = 1000  # levels a side of a snapshot, the most there are
WINDOW = 500  # levels a side that are shown: of 1000 known ones so many may go before a new snapshot is needed
DEFAULT_LIMIT = 500  # of a request that names none


def follows(update: Update, local_id: int) -> bool:
    """Each diff names the one before it."""
    return update.previous_id == local_id


def joins(update: Update, local_id: int) -> bool:
    """The first diff after a snapshot holds its update; in practice it may also be the one right behind it."""
    return update.first_id <= local_id or follows(update, local_id)


class FuturesFeed(BinanceFeed):
    """The feed of `/public/stream` (order books) and of `/market/stream` (all else).

    No ticker stream of `/market` has best prices, so those of all markets are asked for, for one ticker or for many.
    """

    families = names.FAMILIES
    streams = staticmethod(names.streams)
    depth_limit, default_limit = LIMIT, DEFAULT_LIMIT

    def _new_books(self) -> SeededBooks:
        return SeededBooks(
            self._instruments,
            rest.snapshot_request,
            LIMIT,
            lambda: SeededBook(follows, joins, WINDOW),
        )

    def _best_request(self) -> Request:
        return rest.best_request()

    def _polls(self, wants: Collection[Want]) -> bool:
        return any(stream == "ticker" for stream, _ in wants)

    def _day(self, data: bytes, _: str, received_ns: int) -> Iterable[Output]:
        return self._of_day(frames.day(data), received_ns)

    def _short_day(self, data: bytes, _: str, received_ns: int) -> Iterable[Output]:
        return self._of_day(frames.short_day(data), received_ns)

    def _days(self, data: bytes, _: str, received_ns: int) -> Iterable[Output]:
        """Those that changed, of USD-M and COIN-M together."""
        for day in frames.days(data):
            yield from self._of_day(day, received_ns)

    def _of_day(self, day: frames.Day | frames.ShortDay, received_ns: int) -> Iterable[Output]:
        if day.st != names.USD_M:
            return ()
        figures: Figures = tickers.short(day)
        if isinstance(day, frames.Day):
            figures["last_quantity"] = unsigned(day.Q) if figures["last_price"] else None
        return self._ticker(day.s, received_ns, spot.micros(day.E), figures)

    def _best(self, data: bytes, _: str, received_ns: int) -> Iterable[Output]:
        best = frames.best(data)
        if best.st != names.USD_M:
            return ()
        event_us = None if best.E is None else spot.micros(best.E)
        return self._ticker(best.s, received_ns, event_us, tickers.best(best))

    def _aggregate(self, data: bytes, _: str, received_ns: int) -> Iterable[Output]:
        """Their ids run without a hole; that is observed, in no document. If wrong, a gap is declared that was none."""
        match = frames.aggregate(data)
        symbol = self._wanted_as("trade", match.s)
        if symbol is None or match.st != names.USD_M:
            return ()
        return self._trades.events(trades.trade(symbol, match, match.a, received_ns))

    def _trade(self, data: bytes, _: str, received_ns: int) -> Iterable[Trade]:
        """Of a recording: we ask for aggregates, which are documented and can be fetched again by their ids."""
        match = frames.match(data)
        symbol = self._wanted_as("trade", match.s)
        if symbol is None or match.st != names.USD_M or match.X != names.MATCHED:
            return ()
        return (trades.trade(symbol, match, match.t, received_ns),)

    def _kline(self, data: bytes, _: str, received_ns: int) -> Iterable[Candle]:
        frame = frames.kline(data)
        return () if frame.st != names.USD_M else self._candle(frame, received_ns)

    def _diff(self, data: bytes, _: str, received_ns: int) -> Iterable[Output]:
        diff = frames.diff(data)
        if diff.st != names.USD_M:
            return ()
        update = Update(
            diff.U, diff.u, spot.micros(diff.E), received_ns, levels(diff.b), levels(diff.a), previous_id=diff.pu
        )
        return self._books.diff(diff.s, update)

    def _partial(self, data: bytes, _: str, received_ns: int, stream: str) -> Iterable[Depth]:
        """The best levels, whole each time, in the shape of a diff: only the stream's name tells them apart."""
        picture = frames.diff(data)
        symbol = self._wanted_as(stream, picture.s)
        if symbol is None or picture.st != names.USD_M:
            return ()
        return (
            Depth(
                symbol=symbol, venue_symbol=picture.s, received_ns=received_ns, event_us=spot.micros(picture.E),
                stream=stream, type="snapshot", bids=tuple(levels(picture.b)), asks=tuple(levels(picture.a)),
                sequence=picture.u,
            ),
        )  # fmt: skip


FuturesFeed.readers = {
    "trade": FuturesFeed._trade,
    "aggTrade": FuturesFeed._aggregate,
    "ticker": FuturesFeed._day,
    "ticker@arr": FuturesFeed._days,
    "miniTicker": FuturesFeed._short_day,
    "miniTicker@arr": FuturesFeed._days,
    "bookTicker": FuturesFeed._best,
    "kline": FuturesFeed._kline,
    "depth": FuturesFeed._diff,
    "depth5": partial(FuturesFeed._partial, stream="depth_5"),
    "depth10": partial(FuturesFeed._partial, stream="depth_10"),
    "depth20": partial(FuturesFeed._partial, stream="depth_20"),
    # Documented for spot alone; if it comes here, it means the same.
    "serverShutdown": FuturesFeed._shutdown,
}
