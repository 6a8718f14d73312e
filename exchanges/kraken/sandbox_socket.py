"""Kraken's side of one WebSocket v2 connection: requests, an answer for each market, heartbeats, limits."""

import json
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from exchanges.invented import Channel, HangUp, Said
from exchanges.kraken import sandbox_streams as streams
from exchanges.kraken.sandbox_markets import Pair, time_text
from exchanges.kraken.sandbox_rest import INTERVALS
from exchanges.kraken.sandbox_streams import Streams

MESSAGES, PER_MS = 20, 1000  # what a client may send
IDLE_MS = 60_000
CONNECTION_ID = 13834774380200032777  # beyond what a float holds
TOO_MANY = '{"Error":"Exceeded msg rate"}'
DEFAULT_DEPTH = 10


class Refused(Exception):
    """A refused request, in Kraken's words."""


class Talk:
    """Fulfils exchanges.invented.Conversation."""

    personal = False

    def __init__(self, offered: Streams) -> None:
        self._streams = offered
        self._held: dict[tuple[str, ...], Channel] = {}
        self._sent_ms: deque[int] = deque()
        self._active_ms: int | None = None
        self.channels: Collection[Channel] = ()

    def opening(self, now_ms: int) -> Iterable[Said]:
        return (_status("online"),)

    def receive(self, frame: str | bytes, now_ms: int) -> Iterable[Said]:
        self._active_ms = now_ms
        if self._too_many(now_ms):
            return (TOO_MANY,)
        try:
            message = json.loads(frame)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            return (_answer({}, now_ms, error="Malformed request"),)
        if message.get("method") == "ping":
            return (_answer(message, now_ms, method="pong"),)
        try:
            return list(self._change(message, now_ms))
        except Refused as refused:
            return (_answer(message, now_ms, error=str(refused), success=False),)

    def control(self, now_ms: int) -> Iterable[Said]:
        self._active_ms = now_ms
        return ()

    def deliver(self, channel: Channel, frames: Sequence[str], now_ms: int) -> Sequence[str]:
        return frames

    def tick(self, now_ms: int) -> Iterable[Said]:
        """Heartbeats once something is subscribed, here also beside data; silence on both sides ends a connection."""
        self._active_ms = self._active_ms or now_ms
        if self._held:
            return ('{"channel":"heartbeat"}',)
        return (HangUp(1001, "idle"),) if now_ms - self._active_ms > IDLE_MS else ()

    def goodbye(self, now_ms: int) -> Iterable[Said]:
        return (_status("maintenance"),)

    def _change(self, message: Mapping[str, Any], now_ms: int) -> Iterable[Said]:
        method, given = message.get("method"), message.get("params")
        if method not in ("subscribe", "unsubscribe") or not isinstance(given, dict):
            raise Refused("Unsupported event")
        names = given.get("symbol")
        if given.get("channel") not in ("book", "ticker", "trade", "ohlc"):
            raise Refused(f"Subscription name invalid {given.get('channel')}")
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise Refused("Symbol(s) not found")
        kind = _kind(given)
        for name in names:
            try:
                result = self._one(method, name, given, kind)
            except Refused as refused:
                yield _answer(message, now_ms, error=str(refused), success=False, symbol=name)
            else:
                yield _answer(message, now_ms, result=result, success=True)
        self.channels = tuple(self._held.values())

    def _one(self, method: str, name: str, given: Mapping[str, Any], kind: tuple[str, ...]) -> dict[str, Any]:
        pair = self._streams.markets.by_name.get(name)
        if pair is None:
            raise Refused(f"Currency pair not supported {name}")
        key = (*kind, name)
        if method == "unsubscribe":
            if self._held.pop(key, None) is None:
                raise Refused("Subscription Not Found")
        elif key in self._held:
            raise Refused(f"Already subscribed to one {given['channel']} on {name}")
        else:
            self._held[key] = _channel(pair, given, kind)
        return _result(name, given, kind)

    def _too_many(self, now_ms: int) -> bool:
        """Counts one message of the client."""
        self._sent_ms.append(now_ms)
        while self._sent_ms[0] <= now_ms - PER_MS:
            self._sent_ms.popleft()
        return len(self._sent_ms) > MESSAGES


def _kind(given: Mapping[str, Any]) -> tuple[str, ...]:
    """The channel and what tells two of its subscriptions apart; Refused where it is not offered."""
    channel = given["channel"]
    if channel == "book":
        depth = given.get("depth", DEFAULT_DEPTH)
        if not streams.depth_offered(depth):
            raise Refused("Subscription depth not supported")
        return channel, str(depth)
    if channel == "ohlc":
        interval = given.get("interval", 1)
        if str(interval) not in INTERVALS:
            raise Refused("Subscription ohlc interval not supported")
        return channel, str(interval)
    if channel == "ticker":
        trigger = given.get("event_trigger", "trades")
        if trigger not in ("trades", "bbo"):
            raise Refused("Event trigger not supported")
        return channel, trigger
    return (channel,)


def _channel(pair: Pair, given: Mapping[str, Any], kind: tuple[str, ...]) -> Channel:
    snapshot = given.get("snapshot", kind[0] != "trade") is True
    if kind[0] == "book":
        return streams.book_channel(pair, int(kind[1]), snapshot)
    if kind[0] == "ohlc":
        return streams.ohlc_channel(pair, int(kind[1]), snapshot)
    if kind[0] == "ticker":
        return streams.ticker_channel(pair, kind[1], snapshot)
    return streams.trade_channel(pair, snapshot)


def _result(name: str, given: Mapping[str, Any], kind: tuple[str, ...]) -> dict[str, Any]:
    own = {
        "book": {"depth": given.get("depth", DEFAULT_DEPTH)},
        "ohlc": {"interval": given.get("interval", 1)},
        "ticker": {"event_trigger": kind[-1]},
    }.get(kind[0], {})
    return {"channel": kind[0], "symbol": name, "snapshot": given.get("snapshot", kind[0] != "trade"), **own}


def _answer(message: Mapping[str, Any], now_ms: int, **members: Any) -> str:
    number = {"req_id": message["req_id"]} if isinstance(message.get("req_id"), int) else {}
    method = {"method": message["method"]} if isinstance(message.get("method"), str) else {}
    times = {"time_in": time_text(now_ms), "time_out": time_text(now_ms)}
    return json.dumps({**method, **number, **members, **times}, separators=(",", ":"), ensure_ascii=False)


def _status(system: str) -> str:
    data = {"system": system, "api_version": "v2", "connection_id": CONNECTION_ID, "version": "2.0.10"}
    return json.dumps({"channel": "status", "type": "update", "data": [data]}, separators=(",", ":"))
