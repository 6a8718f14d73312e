"""The calls of one connection, and which channels it is subscribed to. Pure.

An answer to a subscription lists the channels that were taken; one that the exchange does not know is left out.
"""

import json
from collections.abc import Collection, Iterable

from exchanges.contract import Send

CHANNELS_PER_CALL = 400  # 500 is the limit, and a frame may not exceed 32 KiB
PATIENCE_NS = 20_000_000_000  # for an answer to a subscription
PAUSE_NS = 1_000_000_000  # before a subscription that failed in passing is asked for again; doubled up to a minute
LONGEST_NS = 60 * PAUSE_NS


class Calls:
    """Numbers the calls and remembers which channels each subscription asked for."""

    def __init__(self) -> None:
        self._number = 0
        self._channels: set[str] = set()  # asked for, and not refused since
        self._refused: set[str] = set()  # not asked for again until they are wanted anew
        self._open: dict[int, tuple[str, ...]] = {}
        self._asked_ns: dict[int, int] = {}
        self._later: dict[str, int] = {}  # channel: when to ask again
        self._attempts = 0

    def call(self, method: str, **params: object) -> Send:
        """Any call; `number` is its id."""
        self._number += 1
        call = {"jsonrpc": "2.0", "id": self._number, "method": f"public/{method}", "params": params}
        return Send(json.dumps(call, ensure_ascii=False))

    @property
    def number(self) -> int:
        """The id of the last call."""
        return self._number

    def want(self, channels: Collection[str]) -> Iterable[Send]:
        """The whole set of channels wanted from now on."""
        wanted = set(channels)
        self._refused &= wanted
        self._later = {channel: at_ns for channel, at_ns in self._later.items() if channel in wanted}
        gone, new = self._channels - wanted, wanted - self._channels - self._refused - self._later.keys()
        self._channels = (self._channels & wanted) | new
        yield from self._ask("unsubscribe", gone)
        yield from self._ask("subscribe", new)

    def again(self, channels: Collection[str]) -> Iterable[Send]:
        """Leave these channels and join them anew, for what is sent first."""
        known = self._channels & set(channels)
        yield from self._ask("unsubscribe", known)
        yield from self._ask("subscribe", known)

    def answered(self, number: int | str | None, taken: Collection[str]) -> list[str]:
        """The channels that a subscription asked for and that were not taken."""
        asked = self._close(number)
        self._attempts = 0
        return self._refuse([channel for channel in asked if channel not in set(taken)])

    def failed(self, number: int | str | None, passing: bool, now_ns: int) -> tuple[list[str], list[Send]]:
        """A whole subscription was refused: which channels are so for good, and what to ask instead.

        One bad channel may have been the reason, so the others are asked for in halves.
        """
        asked = [channel for channel in self._close(number) if channel in self._channels]
        if passing:
            self._channels -= set(asked)
            pause_ns = min(LONGEST_NS, PAUSE_NS << min(self._attempts, 6))
            self._attempts += 1
            self._later.update(dict.fromkeys(asked, now_ns + pause_ns))
            return [], []
        if len(asked) < 2:
            return self._refuse(asked), []
        half = len(asked) // 2
        return [], [*self._ask("subscribe", asked[:half]), *self._ask("subscribe", asked[half:])]

    def due(self, now_ns: int) -> list[Send]:
        """Subscriptions to ask for again now."""
        due = [channel for channel, at_ns in self._later.items() if at_ns <= now_ns]
        for channel in due:
            del self._later[channel]
        self._channels.update(due)
        return list(self._ask("subscribe", due))

    def unanswered(self, now_ns: int) -> bool:
        """Whether a subscription has waited too long for its answer."""
        for number in self._open:
            self._asked_ns.setdefault(number, now_ns)
        return any(now_ns - asked_ns > PATIENCE_NS for asked_ns in self._asked_ns.values())

    def subscribes(self, number: int | str | None) -> bool:
        """Whether the call was a subscription that has had no answer yet."""
        return isinstance(number, int) and number in self._open

    def _ask(self, method: str, channels: Collection[str]) -> Iterable[Send]:
        ordered = sorted(channels)
        for start in range(0, len(ordered), CHANNELS_PER_CALL):
            part = ordered[start : start + CHANNELS_PER_CALL]
            send = self.call(method, channels=part)
            if method == "subscribe":
                self._open[self._number] = tuple(part)
            yield send

    def _close(self, number: int | str | None) -> tuple[str, ...]:
        if not isinstance(number, int):
            return ()
        self._asked_ns.pop(number, None)
        return self._open.pop(number, ())

    def _refuse(self, channels: list[str]) -> list[str]:
        refused = [channel for channel in channels if channel in self._channels]
        self._channels -= set(refused)
        self._refused |= set(refused)
        return refused
