"""A client of the raw WebSocket that goes on: it connects again when it must, and resumes where it stopped."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

Event = dict[str, Any]
AGAIN_S = 0.05
LATER = ("unavailable", "rate_limited")


@dataclass
class Witness:
    """What it heard is `[(seconds of the monotonic clock, message)]`, numbers with a fraction as text.

    `resumes`: whether it names its positions when it connects again.
    """

    url: str
    topics: Sequence[str]
    resumes: bool = True
    heard: list[tuple[float, Event]] = field(default_factory=list)
    opened_s: list[float] = field(default_factory=list)
    closed: list[tuple[float, int | None]] = field(default_factory=list)  # when, and the code that came
    _positions: dict[str, dict[str, int]] = field(default_factory=dict)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                async with connect(self.url, max_size=None, compression=None, open_timeout=5) as socket:
                    self.opened_s.append(time.monotonic())
                    await socket.send(json.dumps(self._request(self.topics)))
                    async for text in socket:
                        if again := self._hear(text):
                            await asyncio.sleep(AGAIN_S)
                            await socket.send(json.dumps(self._request(again)))
                    self.closed.append((time.monotonic(), socket.close_code))
            except (OSError, ConnectionClosed, InvalidHandshake, TimeoutError) as error:
                if isinstance(error, ConnectionClosed):
                    self.closed.append((time.monotonic(), error.rcvd.code if error.rcvd else None))
                await asyncio.sleep(AGAIN_S)

    def since(self, at_s: float) -> list[tuple[float, Event]]:
        return [(when_s, event) for when_s, event in self.heard if when_s >= at_s]

    def summary(self) -> str:
        """What came, counted."""
        kinds = Counter(f"{e.get('topic') or e.get('subscription')} {e.get('event') or e}" for _, e in self.heard)
        return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))

    def _request(self, topics: Sequence[str]) -> dict[str, Any]:
        request: dict[str, Any] = {"action": "subscribe", "topics": list(topics)}
        known = {topic: at for topic, at in self._positions.items() if topic in topics}
        return {**request, "from": known} if self.resumes and known else request

    def _hear(self, text: str | bytes) -> list[str]:
        """Keeps a message; the topics that have to be asked for again."""
        event = json.loads(text, parse_float=str)
        self.heard.append((time.monotonic(), event))
        if event.get("seq") is not None:
            self._positions[event["topic"]] = {"epoch": event["epoch"], "seq": event["seq"]}
        refused = event.get("result") is False and event["error"]["code"] in LATER
        return [event["subscription"]] if refused else []
