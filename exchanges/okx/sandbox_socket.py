"""OKX's side of one WebSocket connection: subscriptions, their errors and limits."""

import json
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from exchanges.intervals import HOUR_MS
from exchanges.invented import Channel, HangUp, Said
from exchanges.okx.sandbox_streams import CHANNELS, Streams

REQUESTS = 480  # in an hour
MOST_BYTES = 65_536
IDLE_MS = 30_000
MOST_CHANNELS = 1000  # there is a limit, but no document has its number
FOR_FEW = ("books-l2-tbt", "books50-l2-tbt")
IDLE = HangUp(4004, "No data received in 30s")
TOO_LARGE = HangUp(1009, "Max frame length has been exceeded")
TOO_MANY_CHANNELS = HangUp(4008, "The number of subscribed channels exceeds the maximum limit")
USE = "Please use the correct URL, channel and parameters referring to API document."


class Talk:
    """Fulfils exchanges.invented.Conversation."""

    personal = False

    def __init__(self, streams: Streams, door: str, number: int) -> None:
        self._streams = streams
        self._door = door
        self._id = f"{number:08x}"
        self._asked_ms: deque[int] = deque()
        self._idle_since_ms = 0
        self._joined: dict[tuple[str, str], Channel] = {}
        self.channels: Collection[Channel] = ()

    def opening(self, now_ms: int) -> Iterable[Said]:
        self._idle_since_ms = now_ms
        return ()

    def receive(self, frame: str | bytes, now_ms: int) -> Iterable[Said]:
        if frame in ("ping", b"ping"):
            return ("pong",)
        if len(frame) > MOST_BYTES:
            return (TOO_LARGE,)
        request = _read(frame)
        if request is None:
            return (self._error(None, "60012", f"Illegal request: {_shown(frame)}"),)
        said = list(self._answers(request, now_ms))
        if not self._joined:
            self._idle_since_ms = now_ms
        return said if len(self._joined) <= MOST_CHANNELS else (TOO_MANY_CHANNELS,)

    def control(self, now_ms: int) -> Iterable[Said]:
        return ()

    def deliver(self, channel: Channel, frames: Sequence[str], now_ms: int) -> Sequence[str]:
        return frames

    def tick(self, now_ms: int) -> Iterable[Said]:
        """Who is subscribed to nothing is sent away."""
        return (IDLE,) if not self._joined and now_ms - self._idle_since_ms > IDLE_MS else ()

    def goodbye(self, now_ms: int) -> Iterable[Said]:
        words = "The connection will soon be closed for a service upgrade. Please reconnect."
        return (self._text({"event": "notice", "code": "64008", "msg": words}),)

    def _answers(self, request: dict[str, Any], now_ms: int) -> Iterable[Said]:
        name, op, args = request.get("id"), request.get("op"), request.get("args")
        if op == "login":
            yield self._error(name, "60005", "Invalid apiKey")
        elif op not in ("subscribe", "unsubscribe"):
            yield self._error(name, "60019", f"Invalid op: {_shown(str(op))}")
        elif self._too_many(now_ms):
            yield self._error(name, "60014", "Requests too frequent")
        elif not isinstance(args, list) or not args:
            yield self._error(name, "60013", "Invalid args")
        else:
            for arg in args:
                yield self._change(name, op, arg if isinstance(arg, dict) else {})

    def _change(self, name: Any, op: str, arg: dict[str, Any]) -> Said:
        channel, market = str(arg.get("channel", "")), str(arg.get("instId", ""))
        if channel in FOR_FEW:
            return self._error(name, "60011", "Please log in")
        found = self._streams.channel(self._door, channel, market)
        if found is None:
            where = f"{_shown(channel)},instId:{_shown(market)}" if channel in CHANNELS else _shown(channel)
            return self._error(name, "60018", f"Wrong URL or channel:{where} doesn't exist. {USE}")
        if op == "subscribe":
            self._joined[channel, market] = found
        else:
            self._joined.pop((channel, market), None)
        self.channels = tuple(self._joined.values())
        told = {"event": op, "arg": {"channel": channel, "instId": market}}
        return self._text(told if name is None else {"id": name, **told})

    def _error(self, name: Any, code: str, words: str) -> str:
        told = {"event": "error", "code": code, "msg": words}
        return self._text(told if name is None else {"id": name, **told})

    def _text(self, message: dict[str, Any]) -> str:
        return json.dumps({**message, "connId": self._id}, separators=(",", ":"), ensure_ascii=False)

    def _too_many(self, now_ms: int) -> bool:
        """Counts one request."""
        while self._asked_ms and self._asked_ms[0] <= now_ms - HOUR_MS:
            self._asked_ms.popleft()
        self._asked_ms.append(now_ms)
        return len(self._asked_ms) > REQUESTS


def _read(frame: str | bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _shown(text: str | bytes) -> str:
    words = text if isinstance(text, str) else text.decode(errors="replace")
    return words[:100].encode(errors="replace").decode()
