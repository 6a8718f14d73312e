"""Coinbase's side of one WebSocket connection; both sockets have one address here, a message tells whose it is."""

import json
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from exchanges.coinbase.sandbox_products import time_text
from exchanges.coinbase.sandbox_streams import ADVANCED, CHANNELS, EXCHANGE, Streams
from exchanges.invented import Channel, HangUp, Said

SILENT_MS = 5_000  # who has not subscribed by then is disconnected
MESSAGES = {ADVANCED: 8, EXCHANGE: 100}  # a second
WITHOUT_MARKETS = ("heartbeats", "status")
KEYED = ("level2", "level3", "full", "user", "balance")  # of the Exchange


class Refused(Exception):
    """A refused message: what is said."""


class Talk:
    """Fulfils exchanges.invented.Conversation: numbers the frames of Advanced Trade over the whole connection."""

    personal = True

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._subscribed: dict[str, dict[str, dict[str, None]]] = {ADVANCED: {}, EXCHANGE: {}}
        self._opened_ms = 0
        self._spoke = False
        self._number = 0
        self._beats = 0
        self._last: dict[str, int] = {}  # what each channel's last frame ended with
        self._sent_ms: deque[int] = deque()
        self.channels: Collection[Channel] = ()

    def opening(self, now_ms: int) -> Iterable[Said]:
        self._opened_ms = now_ms
        return ()

    def receive(self, frame: str | bytes, now_ms: int) -> Iterable[Said]:
        try:
            message = _read(frame)
            socket = EXCHANGE if "channels" in message else ADVANCED
            self._count(socket, now_ms)
            if message.get("type") not in ("subscribe", "unsubscribe"):
                raise Refused("Type has to be either subscribe or unsubscribe")
            self._change(socket, message)
        except Refused as refused:
            return (_text({"type": "error", "message": "Failed to subscribe", "reason": str(refused)}),)
        except PermissionError:
            return (_text({"type": "error", "message": "authentication failure"}),)
        self._spoke = True
        self._listen()
        return (self._acknowledged(socket, now_ms),)

    def control(self, now_ms: int) -> Iterable[Said]:
        return ()

    def deliver(self, channel: Channel, frames: Sequence[str], now_ms: int) -> Sequence[str]:
        return [self._own(channel, frame) for frame in frames] if channel.variant == ADVANCED else frames

    def tick(self, now_ms: int) -> Iterable[Said]:
        if not self._spoke and now_ms - self._opened_ms > SILENT_MS:
            return (HangUp(1008, "no subscription within 5 seconds"),)
        if "heartbeats" not in self._subscribed[ADVANCED]:
            return ()
        self._beats += 1
        spoken = time_text(now_ms).replace("T", " ").replace("Z", " +0000 UTC m=+1.0")
        return (self._said("heartbeats", now_ms, {"current_time": spoken, "heartbeat_counter": self._beats}),)

    def goodbye(self, now_ms: int) -> Iterable[Said]:
        return ()

    def _own(self, channel: Channel, frame: str) -> str:
        """The frame with this connection's number. A spoilt one takes none, one that is left out does."""
        marks, _, rest = frame.partition("\n")
        head, _, tail = rest.partition("\n")
        first, _, last = marks.partition(":")
        if not (tail.endswith("]}") and first.isdigit() and last.isdigit()):
            return f"{head}{self._number}{tail}" if tail else rest or frame
        known = self._last.get(channel.name)
        if first != "0" and known is not None and int(first) > known + 1:
            self._number += 1
        if last != "0":
            self._last[channel.name] = int(last)
        self._number += 1
        return f"{head}{self._number - 1}{tail}"

    def _said(self, channel: str, now_ms: int, event: Any) -> str:
        self._number += 1
        head = {"channel": channel, "timestamp": time_text(now_ms), "sequence_num": self._number - 1}
        return _text({**head, "events": [event]})

    def _count(self, socket: str, now_ms: int) -> None:
        self._sent_ms.append(now_ms)
        while self._sent_ms[0] <= now_ms - 1000:
            self._sent_ms.popleft()
        if len(self._sent_ms) > MESSAGES[socket]:
            raise Refused("rate limit exceeded")

    def _change(self, socket: str, message: dict[str, Any]) -> None:
        common = _markets(message.get("product_ids", []))
        asked = [message.get("channel")] if socket == ADVANCED else message["channels"]
        if not isinstance(asked, list) or not asked:
            raise Refused("channels are required")
        for one in asked:
            name = one.get("name") if isinstance(one, dict) else one
            markets = _markets(one["product_ids"]) if isinstance(one, dict) and "product_ids" in one else common
            self._change_one(socket, message["type"], name, markets)

    def _change_one(self, socket: str, verb: str, name: Any, markets: list[str]) -> None:
        known = CHANNELS[socket]
        if not isinstance(name, str) or name not in (*known, *WITHOUT_MARKETS):
            if socket == ADVANCED or name in KEYED:
                raise PermissionError
            raise Refused(f"{name} is not a valid channel")
        if name not in known:
            markets = [name]
        elif socket == EXCHANGE and (wrong := [id_ for id_ in markets if not self._streams.products.pair(id_)]):
            raise Refused(f"{wrong[0]} is not a valid product")
        mine = self._subscribed[socket].setdefault(name, {})
        for id_ in markets if verb == "subscribe" else ():
            if name not in known or self._streams.channel(socket, name, id_):
                mine[id_] = None
        for id_ in (markets or list(mine)) if verb == "unsubscribe" else ():
            mine.pop(id_, None)
        if not mine:
            del self._subscribed[socket][name]

    def _listen(self) -> None:
        found = [
            channel
            for socket, names in self._subscribed.items()
            for name, markets in names.items()
            if name in CHANNELS[socket]
            for id_ in markets
            if (channel := self._streams.channel(socket, name, id_))
        ]
        self.channels = tuple(dict.fromkeys(found))

    def _acknowledged(self, socket: str, now_ms: int) -> str:
        now = {name: list(markets) for name, markets in self._subscribed[socket].items()}
        if socket == ADVANCED:
            return self._said("subscriptions", now_ms, {"subscriptions": now})
        channels = [{"name": name, "product_ids": markets} for name, markets in now.items()]
        return _text({"type": "subscriptions", "channels": channels})


def _read(frame: str | bytes) -> dict[str, Any]:
    try:
        message = json.loads(frame)
    except ValueError:
        raise Refused("Malformed JSON") from None
    if not isinstance(message, dict):
        raise Refused("Malformed JSON")
    return message


def _markets(given: Any) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(id_, str) for id_ in given):
        raise Refused("product_ids must be a list of texts")
    return given


def _text(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)
