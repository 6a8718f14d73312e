"""What one connection is subscribed to: one channel a message, each acknowledged by its name. Pure.

A refusal (`bts:error`) names no channel, so what stays unacknowledged is asked for again, and then given up.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from exchanges.contract import Send

PATIENCE_NS = 5_000_000_000  # an acknowledgement comes within a second; asking twice does no harm
ATTEMPTS = 3


@dataclass
class Open:
    """A subscription without an acknowledgement."""

    at_ns: int = 0  # since the first tick
    attempts: int = 1


class Subscriptions:
    """Of one connection, by the names of channels."""

    def __init__(self) -> None:
        self._wanted: set[str] = set()
        self._open: dict[str, Open] = {}
        self._given_up: set[str] = set()

    def want(self, channels: Collection[str]) -> Iterable[Send]:
        """The whole set from now on."""
        before, self._wanted = self._wanted, set(channels)
        self._open = {channel: open_ for channel, open_ in self._open.items() if channel in self._wanted}
        self._given_up &= self._wanted
        for channel in sorted(before - self._wanted):
            yield message("bts:unsubscribe", channel)
        for channel in sorted(self._wanted - before):
            self._open[channel] = Open()
            yield message("bts:subscribe", channel)

    def acknowledged(self, channel: str) -> bool:
        """Whether it had been given up."""
        self._open.pop(channel, None)
        late = channel in self._given_up
        self._given_up.discard(channel)
        return late

    def tick(self, now_ns: int) -> tuple[list[Send], list[str]]:
        """What to ask for again, and the channels that are given up now."""
        again, given_up = [], []
        for channel, open_ in self._open.items():
            open_.at_ns = open_.at_ns or now_ns
            if now_ns - open_.at_ns < PATIENCE_NS:
                continue
            if open_.attempts == ATTEMPTS:
                given_up.append(channel)
                continue
            open_.at_ns, open_.attempts = now_ns, open_.attempts + 1
            again.append(message("bts:subscribe", channel))
        for channel in given_up:
            del self._open[channel]
        self._given_up.update(given_up)
        return again, given_up

    def __bool__(self) -> bool:
        return bool(self._wanted)


def message(event: str, channel: str) -> Send:
    return Send(json.dumps({"event": event, "data": {"channel": channel}}))
