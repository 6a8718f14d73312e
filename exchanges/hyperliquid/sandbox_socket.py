"""Hyperliquid's side of one WebSocket connection: subscriptions, their acknowledgements, and the wrong coin."""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import msgspec

from exchanges.hyperliquid.sandbox_calls import Malformed
from exchanges.hyperliquid.sandbox_streams import Streams, Unknown
from exchanges.invented import Channel, HangUp, Said

MOST_SUBSCRIPTIONS = 1000
IDLE_MS = 60_000
UNREADABLE = "Error parsing JSON into valid websocket request: "

Answer = Callable[[Any], Any]


class Talk:
    """Fulfils exchanges.invented.Conversation. `answer` answers what the info endpoint knows."""

    personal = False

    def __init__(self, streams: Streams, answer: Answer, now_ms: int) -> None:
        self._streams = streams
        self._answer = answer
        self._held: dict[str, Channel] = {}
        self._said_ms = now_ms
        self.channels: Collection[Channel] = ()

    def opening(self, now_ms: int) -> Iterable[Said]:
        return ()

    def receive(self, frame: str | bytes, now_ms: int) -> Iterable[Said]:
        self._said_ms = now_ms
        try:
            asked = json.loads(frame)
            return self._asked(asked)
        except Unknown:
            return (HangUp(),)
        except (ValueError, TypeError, AttributeError, RecursionError, Malformed):
            text = frame if isinstance(frame, str) else frame.decode(errors="replace")
            return (_text("error", UNREADABLE + text[:200]),)

    def control(self, now_ms: int) -> Iterable[Said]:
        return ()

    def deliver(self, channel: Channel, frames: Sequence[str], now_ms: int) -> Sequence[str]:
        return frames

    def tick(self, now_ms: int) -> Iterable[Said]:
        """A connection to which nothing was said for a minute is dropped."""
        if self.channels:
            self._said_ms = now_ms
        return (HangUp(),) if now_ms - self._said_ms >= IDLE_MS else ()

    def goodbye(self, now_ms: int) -> Iterable[Said]:
        return ()

    def _asked(self, asked: Any) -> Iterable[Said]:
        match asked["method"]:
            case "ping":
                return (_text("pong"),)
            case "subscribe":
                return (self._subscribe(self._streams.channel(asked["subscription"])),)
            case "unsubscribe":
                return (self._unsubscribe(self._streams.channel(asked["subscription"])),)
            case "post" if asked["request"]["type"] == "info":
                payload = {
                    "type": asked["request"]["payload"]["type"],
                    "data": self._answer(asked["request"]["payload"]),
                }
                return (_text("post", {"id": asked["id"], "response": {"type": "info", "payload": payload}}),)
        raise ValueError

    def _subscribe(self, channel: Channel) -> str:
        if channel.name in self._held:
            return _text("error", f"Already subscribed: {channel.name}")
        if len(self._held) >= MOST_SUBSCRIPTIONS:
            return _text("error", f"Cannot track more than {MOST_SUBSCRIPTIONS} subscriptions")
        self._held[channel.name] = channel
        self.channels = tuple(self._held.values())
        return _acknowledged("subscribe", channel)

    def _unsubscribe(self, channel: Channel) -> str:
        if self._held.pop(channel.name, None) is None:
            return _text("error", f"Already unsubscribed: {channel.name}")
        self.channels = tuple(self._held.values())
        return _acknowledged("unsubscribe", channel)


def _acknowledged(method: str, channel: Channel) -> str:
    return _text("subscriptionResponse", {"method": method, "subscription": json.loads(channel.name)})


def _text(channel: str, data: Any = None) -> str:
    return msgspec.json.encode({"channel": channel} if data is None else {"channel": channel, "data": data}).decode()
