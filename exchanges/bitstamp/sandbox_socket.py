"""Bitstamp's side of one WebSocket connection: subscriptions, acknowledgements, heartbeats, errors without a name."""

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from exchanges.bitstamp.sandbox_streams import Streams, text
from exchanges.invented import Channel, HangUp, Said

MOST_CHANNELS = 1024
LONGEST = 512  # bytes of a client's frame
UNREADABLE, NO_CHANNEL, NO_SUCH = "Incorrect JSON format.", "Bad subscription string.", "Invalid channel provided."


class Talk:
    """Fulfils exchanges.invented.Conversation."""

    personal = False

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._held: dict[str, Channel | None] = {}
        self.channels: Collection[Channel] = ()

    def opening(self, now_ms: int) -> Iterable[Said]:
        return ()

    def receive(self, frame: str | bytes, now_ms: int) -> Iterable[Said]:
        if len(frame if isinstance(frame, bytes) else frame.encode(errors="replace")) > LONGEST:
            return (HangUp(1009, f"read limited at {LONGEST + 1} bytes"),)
        try:
            asked = json.loads(frame)
        except (ValueError, RecursionError):
            return (_error(UNREADABLE),)
        return (self._answer(asked),) if isinstance(asked, dict) else (_error(UNREADABLE),)

    def control(self, now_ms: int) -> Iterable[Said]:
        return ()

    def deliver(self, channel: Channel, frames: Sequence[str], now_ms: int) -> Sequence[str]:
        return frames

    def tick(self, now_ms: int) -> Iterable[Said]:
        return ()

    def goodbye(self, now_ms: int) -> Iterable[Said]:
        return (text("bts:request_reconnect", "", None),)

    def _answer(self, asked: dict[str, Any]) -> Said:
        event, data = asked.get("event"), asked.get("data")
        if event == "bts:heartbeat":
            return text(event, "", {"status": "success"})
        name = data.get("channel") if isinstance(data, dict) else None
        if event not in ("bts:subscribe", "bts:unsubscribe") or not isinstance(name, str):
            return _error(NO_CHANNEL)
        if not self._streams.named(name):
            return _error(NO_SUCH)
        if event == "bts:unsubscribe":
            self._held.pop(name, None)
        else:
            self._held[name] = self._streams.channel(name)
        if len(self._held) > MOST_CHANNELS:
            return HangUp()
        self.channels = tuple(channel for channel in self._held.values() if channel)
        return text(
            "bts:unsubscription_succeeded" if event == "bts:unsubscribe" else "bts:subscription_succeeded", name, {}
        )


def _error(words: str) -> str:
    return text("bts:error", "", {"code": None, "message": words})
