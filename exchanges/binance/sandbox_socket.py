"""Binance's side of one WebSocket connection: control messages, their errors and limits."""

import json
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, Self

from exchanges.invented import Channel, HangUp, Said

MOST_STREAMS = 1024
MESSAGES, PER_MS = 5, 1000  # what a client may send
METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
LONGEST_ID = 36
TOO_MANY = HangUp(1008, "Too many requests")


class Refused(Exception):
    """A refused message: Binance's code and words."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Names(Protocol):
    """Knows the streams by their names."""

    def channel(self, name: str, combined: bool) -> Channel | None:
        """None where no such stream or symbol exists."""


class Talk:
    """Fulfils exchanges.invented.Conversation. A stream that does not exist is accepted and stays silent."""

    personal = False
    messages = MESSAGES

    def __init__(self, streams: Names, names: Sequence[str], combined: bool) -> None:
        self._streams = streams
        self._combined = combined
        self._names = dict.fromkeys(names)
        self._sent_ms: deque[int] = deque()
        self.channels: Collection[Channel] = ()
        self._listen()

    @classmethod
    def opened(cls, streams: Names, path: str, query: Mapping[str, str]) -> Self | None:
        """What the path asks for: /ws, /ws/<stream>, /stream, /stream?streams=<stream>/<stream>."""
        kind, _, rest = path.strip("/").partition("/")
        if kind == "stream" and not rest:
            names = [name for name in query.get("streams", "").split("/") if name]
            return cls(streams, names, True) if len(names) <= MOST_STREAMS else None
        if kind == "ws":
            names = [name for name in rest.split("/") if name]
            return cls(streams, names, False) if len(names) <= MOST_STREAMS else None
        return None

    def opening(self, now_ms: int) -> Iterable[Said]:
        return ()

    def receive(self, frame: str | bytes, now_ms: int) -> Iterable[Said]:
        if self._too_many(now_ms):
            return (TOO_MANY,)
        message_id: Any = None
        try:
            message = _read(frame)
            message_id = message.get("id")
            return (_text({"result": self._answer(message), "id": message_id}),)
        except Refused as refused:
            answer = {"code": refused.code, "msg": refused.reason}
            return (_text(answer if message_id is None else {**answer, "id": message_id}),)

    def control(self, now_ms: int) -> Iterable[Said]:
        return (TOO_MANY,) if self._too_many(now_ms) else ()

    def deliver(self, channel: Channel, frames: Sequence[str], now_ms: int) -> Sequence[str]:
        return frames

    def tick(self, now_ms: int) -> Iterable[Said]:
        return ()

    def goodbye(self, now_ms: int) -> Iterable[Said]:
        event = {"e": "serverShutdown", "E": now_ms}
        return (_text({"stream": "!serverShutdown", "data": event} if self._combined else event),)

    def _answer(self, message: Mapping[str, Any]) -> Any:
        """The result of a message; Refused where it makes no sense."""
        method = message.get("method")
        if method not in METHODS:
            expected = ", ".join(f"`{known}`" for known in METHODS)
            raise Refused(2, f"Invalid request: unknown variant `{method}`, expected one of {expected}")
        self.check_id(message.get("id"))
        if method == "LIST_SUBSCRIPTIONS":
            return list(self._names)
        parameters = message.get("params")
        if not isinstance(parameters, list) or not parameters:
            raise Refused(2, "Invalid request: missing field `params`")
        if method.endswith("PROPERTY"):
            return self._property(method, parameters)
        return self._change(method, parameters)

    def _change(self, method: str, names: list[Any]) -> None:
        if not all(isinstance(name, str) and ("@" in name or name.startswith("!")) for name in names):
            raise Refused(2, "Invalid request: a stream name must be a string of the form <symbol>@<stream>")
        if method == "UNSUBSCRIBE":
            changed = {name: None for name in self._names if name not in names}
        else:
            changed = self._names | dict.fromkeys(names)
        if len(changed) > MOST_STREAMS:
            raise Refused(2, f"Invalid request: more than {MOST_STREAMS} streams on one connection")
        self._names = changed
        self._listen()

    def _property(self, method: str, parameters: list[Any]) -> Any:
        if not isinstance(parameters[0], str):
            raise Refused(2, "Invalid request: property name must be a string")
        if parameters[0] != COMBINED_PROPERTY:
            raise Refused(0, "Unknown property")
        if method == "GET_PROPERTY":
            return self._combined
        if len(parameters) != 2 or not isinstance(parameters[1], bool):
            raise Refused(1, "Invalid value type: expected Boolean")
        self._combined = parameters[1]
        self._listen()
        return None

    def _listen(self) -> None:
        found = (self._streams.channel(name, self._combined) for name in self._names)
        self.channels = tuple(channel for channel in found if channel)

    def _too_many(self, now_ms: int) -> bool:
        """Counts one message of the client."""
        self._sent_ms.append(now_ms)
        while self._sent_ms[0] <= now_ms - PER_MS:
            self._sent_ms.popleft()
        return len(self._sent_ms) > self.messages

    def check_id(self, message_id: Any) -> None:
        """An integer, a short alphanumeric text, or nothing."""
        if message_id is None or (isinstance(message_id, int) and not isinstance(message_id, bool)):
            return
        if not (isinstance(message_id, str) and message_id.isalnum() and len(message_id) <= LONGEST_ID):
            raise Refused(
                2, "Invalid request: request ID must be an integer or a string of up to 36 letters and digits"
            )


COMBINED_PROPERTY = "combined"


def _read(frame: str | bytes) -> dict[str, Any]:
    try:
        message = json.loads(frame)
    except ValueError as error:
        where = f" at line {error.lineno} column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise Refused(3, f"Invalid JSON: expected value{where}") from None
    if not isinstance(message, dict):
        raise Refused(2, "Invalid request: expected an object")
    return message


def _text(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)
