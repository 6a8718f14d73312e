"""Alpaca's side of one WebSocket connection: login, subscriptions, the complete list as an answer, numbered errors.

The limit of one connection an account is not kept here.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from exchanges.alpaca.sandbox_streams import CHANNELS, Streams, text
from exchanges.invented import Channel, HangUp, Said

SYMBOLS = 30  # of the free plan
LOGIN_MS = 10_000
WORDS = {
    400: "invalid syntax", 401: "not authenticated", 402: "auth failed", 403: "already authenticated",
    404: "auth timeout", 405: "symbol limit exceeded", 406: "connection limit exceeded",
    410: "invalid subscribe action for this feed",
}  # fmt: skip
WRONG = "wrong"  # the only key that is none
BUSY = "busy"  # of an account whose one connection is open elsewhere
_symbol = re.compile(r"[A-Z0-9./]{1,30}").fullmatch


class Refusal(Exception):
    """One of the numbered errors."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Talk:
    """Fulfils exchanges.invented.Conversation."""

    personal = False

    def __init__(self, streams: Streams, crypto: bool, key: str, now_ms: int) -> None:
        self._streams, self._crypto = streams, crypto
        self._known = bool(key) and key != WRONG
        self._opened_ms = now_ms
        self._held: dict[str, Channel] = {}
        self.channels: Collection[Channel] = ()

    def opening(self, now_ms: int) -> Iterable[Said]:
        greeting = text({"T": "success", "msg": "connected"})
        return (greeting, text({"T": "success", "msg": "authenticated"})) if self._known else (greeting,)

    def receive(self, frame: str | bytes, now_ms: int) -> Iterable[Said]:
        try:
            return self._asked(json.loads(frame))
        except Refusal as refusal:
            return _error(refusal.code)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return _error(400)

    def control(self, now_ms: int) -> Iterable[Said]:
        return ()

    def deliver(self, channel: Channel, frames: Sequence[str], now_ms: int) -> Sequence[str]:
        return frames

    def tick(self, now_ms: int) -> Iterable[Said]:
        late = not self._known and now_ms - self._opened_ms >= LOGIN_MS
        return (*_error(404), HangUp(1000)) if late else ()

    def goodbye(self, now_ms: int) -> Iterable[Said]:
        return _error(500, "internal error")

    def _asked(self, asked: Mapping[str, Any]) -> Iterable[Said]:
        action = asked["action"]
        if action == "auth":
            return self._login(str(asked["key"]), str(asked["secret"]))
        if not self._known:
            raise Refusal(401)
        if action not in ("subscribe", "unsubscribe"):
            raise Refusal(400)
        named = {kind: self._named(kind, symbols) for kind, symbols in asked.items() if kind != "action"}
        held = dict(self._held)
        for kind, symbols in named.items():
            for symbol in symbols:
                if action == "subscribe":
                    held[f"{kind}:{symbol}"] = self._streams.channel(kind, symbol)
                else:
                    held.pop(f"{kind}:{symbol}", None)
        if len({name.partition(":")[2] for name in held}) > SYMBOLS:
            raise Refusal(405)
        self._held = held
        self.channels = tuple(held.values())
        return (self._list(),)

    def _login(self, key: str, secret: str) -> Iterable[Said]:
        if self._known:
            raise Refusal(403)
        if not key or not secret or WRONG in (key, secret):
            raise Refusal(402)
        if key == BUSY:
            raise Refusal(406)
        self._known = True
        return (text({"T": "success", "msg": "authenticated"}),)

    def _named(self, kind: str, symbols: Any) -> list[str]:
        """Those that exist: others stay out of the list that is the answer."""
        if kind not in CHANNELS or not isinstance(symbols, list):
            raise Refusal(400)
        if kind == "orderbooks" and not self._crypto:
            raise Refusal(410)
        known = self._streams.names(self._crypto)
        if symbols == ["*"]:
            return known
        if not all(isinstance(symbol, str) and _symbol(symbol) for symbol in symbols):
            raise Refusal(400)
        return [symbol for symbol in symbols if symbol in known]

    def _list(self) -> str:
        kinds = [kind for kind in CHANNELS if self._crypto or kind != "orderbooks"]
        said = {kind: [name.partition(":")[2] for name in self._held if name.startswith(f"{kind}:")] for kind in kinds}
        return text({"T": "subscription", **said})


def _error(code: int, words: str = "") -> tuple[Said, ...]:
    return (text({"T": "error", "code": code, "msg": words or WORDS[code]}),)
