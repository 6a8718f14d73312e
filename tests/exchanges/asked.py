"""Every exchange's sandbox in this process, asked by the card's own requests and keys."""

import importlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from exchanges.contract import Card, Keys, Request
from exchanges.events import Candle, Event
from exchanges.intervals import DAY_MS, length_ms
from exchanges.invented import Exchange, HttpRequest
from exchanges.symbols import Instrument, distinct
from sandbox.market import Market

NOW_MS = 1_795_000_012_345
MARKETS = 20
NO_KEYS: Keys = {}


class Asked:
    """One exchange; each question goes to a sandbox of its own, which has spent nothing of its limits."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self.keys = dict.fromkeys(card.key_names, "premium-invented")
        self._market = Market(1, 200, MARKETS, lambda: NOW_MS)
        self._sandbox = importlib.import_module(f"exchanges.{card.code}.sandbox").Sandbox

    def answer(self, request: Request, keys: Keys) -> bytes:
        """The answer's body, or the error that the adapter reads in it."""
        signed = self.card.sign(request, keys)
        sent = Request(signed.target)
        path = urlsplit(self.card.address(request)).path + sent.path
        headers = {name.lower(): value for name, value in signed.headers.items()}
        body = (request.body or "").encode()
        exchange: Exchange = self._sandbox(self._market)
        found = exchange.answer(HttpRequest(request.method, path, sent.query, headers, body, "one", NOW_MS))
        error = self.card.rest.read_error(found.status, found.headers, found.body)
        if error:
            raise error
        return found.body

    def instruments(self, keys: Keys | None = None) -> list[Instrument]:
        """As `sync` puts the answers together; with all keys where none are named."""
        rest = self.card.rest
        answers = [self.answer(request, self.keys if keys is None else keys) for request in rest.instruments_requests()]
        return distinct(one for body in answers for one in rest.read_instruments(body))

    def one_of_each_kind(self) -> Iterator[Instrument]:
        """The first market that trades, of spot, perpetual, …"""
        trading = [one for one in self.instruments() if one.status == "trading"]
        for kind in dict.fromkeys(one.kind for one in trading):
            yield next(one for one in trading if one.kind == kind)

    def events(self, kind: str, market: Instrument, keys: Keys) -> list[Event]:
        """What REST says of a market: `trades`, `ticker` or `depth`."""
        rest, received_ns = self.card.rest, NOW_MS * 1_000_000
        match kind:
            case "trades":
                return [*rest.read_trades(self.answer(rest.trades_request(market), keys), market, received_ns)]
            case "ticker":
                return [rest.read_ticker(self.answer(rest.ticker_request(market), keys), market, received_ns)]
            case "depth":
                return [rest.read_depth(self.answer(rest.depth_request(market, 20), keys), market, received_ns)]
        interval = min(self.card.intervals, key=lambda one: abs(length_ms(one) - DAY_MS))
        return [*self.candles(market, interval, keys)]

    def candles(self, market: Instrument, interval: str, keys: Keys) -> list[Candle]:
        """The newest of an interval."""
        start_ms = NOW_MS - 10 * length_ms(interval)
        request = self.card.rest.candles_request(market, interval, start_ms, NOW_MS)
        return self.card.rest.read_candles(self.answer(request, keys), market, interval, NOW_MS * 1_000_000)
