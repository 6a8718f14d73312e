"""The faults that are switched on, and what they do to connections, frames and requests."""

import re
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from exchanges.invented import Channel
from sandbox.fault_requests import (
    AnyFault,
    BrokenFrame,
    Checksum,
    Clock,
    Delist,
    Disconnect,
    Duplicate,
    Quota,
    RefuseConnections,
    RestFault,
    Shutdown,
    Silent,
    Skip,
    Slow,
    Status,
    TopicFault,
)

if TYPE_CHECKING:
    from sandbox.client import Client

DEFAULT_RETRY_S = 1
GOING_AWAY = 1001
LIMITED = (418, 429)
WRONG_CHECKSUM = r"\g<1>1234567890"
UNKNOWN_FRAME = '{"unknown":"event","stream":"unheard-of"}'
BINARY_FRAME = b"\x00\xff\xfe not text"

_checksum = re.compile(r'("checksum":)-?\d+')

Later = Callable[[float, Callable[[], None]], Any]


@dataclass
class Active:
    """One fault since it was posted. `left` counts down where it has a count, `until_s` is when its time is over."""

    number: int
    asked: AnyFault
    begun: bool = False
    left: int | None = None
    until_s: float | None = None
    hits: int = 0
    clients: set["Client"] = field(default_factory=set)  # of a silent one: those it struck
    left_by: set[tuple["Client", Channel]] = field(default_factory=set)  # of one that forgets: who has unsubscribed

    def record(self) -> dict[str, Any]:
        """What `/faults` says about it."""
        seconds_left = None if self.until_s is None else max(0.0, round(self.until_s - time.monotonic(), 3))
        state = {"id": self.number, "begun": self.begun, "hits": self.hits, "left": self.left}
        return {**state, "seconds_left": seconds_left, **self.asked.model_dump(exclude_none=True)}

    def hit(self) -> None:
        self.hits += 1
        if self.left is not None:
            self.left -= 1

    @property
    def over(self) -> bool:
        ended = self.until_s is not None and time.monotonic() >= self.until_s
        return self.begun and (ended or self.left == 0)

    def is_of(self, code: str) -> bool:
        return self.asked.exchange in (None, code)


class Faults:
    """All of them. `later` runs a function after so many seconds."""

    def __init__(self, clients: Collection["Client"], now_ms: Callable[[], int], later: Later) -> None:
        self._clients = clients
        self._now_ms = now_ms
        self._later = later
        self._active: dict[int, Active] = {}
        self._numbers = count(1)

    def post(self, asked: AnyFault) -> Active:
        """Switches one on, now or after its delay."""
        fault = Active(next(self._numbers), asked)
        self._active[fault.number] = fault
        if asked.after_s:
            self._later(asked.after_s, lambda: self._begin(fault))
        else:
            self._begin(fault)
        return fault

    def records(self) -> list[dict[str, Any]]:
        self._forget_over()
        return [fault.record() for fault in self._active.values()]

    def clear(self, number: int | None = None) -> bool:
        """Switches one or all off; whether there was one."""
        numbers = list(self._active) if number is None else [number]
        found = [fault for one in numbers if (fault := self._active.pop(one, None))]
        for fault in found:
            self._speak_again(fault)
            if isinstance(fault.asked, Delist):
                self._strike(fault)
        return bool(found)

    def silences(self, client: "Client", channel: Channel | None) -> bool:
        """Whether nothing may be sent to the client, or nothing of this channel; None: an answer of its own."""
        for fault in self._of(Silent):
            asked = fault.asked
            if client in fault.clients or (asked.newcomers and fault.is_of(client.code)):
                if (client, channel) in fault.left_by:
                    continue
                everything = asked.symbol is None and asked.stream is None
                if everything or (channel and _is_of(channel, asked)):
                    fault.hits += 1
                    return True
        return False

    def left(self, client: "Client", channel: Channel) -> None:
        """The client has unsubscribed: what was forgotten of it is made up for when it subscribes again."""
        for fault in self._of(Silent):
            if fault.asked.forgets:
                fault.left_by.add((client, channel))

    def spoilt(self, code: str, channel: Channel, frames: Sequence[str]) -> list[str | bytes]:
        """A channel's frames as they are sent to everybody."""
        if channel.symbol in self.delisted(code):
            return []
        spoilers = [
            fault
            for fault in self._of(Skip, Duplicate, BrokenFrame, Checksum)
            if fault.is_of(code) and _is_of(channel, fault.asked)
        ]
        return [said for frame in frames for said in _spoil(frame, spoilers)] if spoilers else list(frames)

    def delay_s(self, code: str, path: str) -> float:
        """How long a request's answer is held back."""
        return max((fault.asked.delay_s for fault in self._rest(Slow, code, path)), default=0.0)

    def status(self, code: str, path: str) -> tuple[int, int | None] | None:
        """The status that a request is answered with, and the seconds of its Retry-After header."""
        for fault in self._rest(Status, code, path):
            retry_s = fault.asked.retry_after_s
            limited = fault.asked.status in LIMITED
            return fault.asked.status, DEFAULT_RETRY_S if retry_s is None and limited else retry_s
        return None

    def spends(self, code: str, path: str) -> bool:
        """Whether a request is answered as where the quota is spent."""
        return any(True for _ in self._rest(Quota, code, path))

    def delisted(self, code: str) -> frozenset[str]:
        """The markets that the exchange does not list any more."""
        return frozenset(fault.asked.symbol for fault in self._of(Delist) if fault.is_of(code))

    @property
    def ahead_ms(self) -> int:
        """How far the exchanges' clock is ahead."""
        return sum(round(fault.asked.ahead_s * 1000) for fault in self._of(Clock))

    def refuses(self, code: str) -> int | None:
        """The status that a handshake is refused with."""
        for fault in self._of(RefuseConnections):
            if fault.is_of(code):
                fault.hit()
                return fault.asked.status
        return None

    def _of(self, *kinds: type) -> Iterable[Active]:
        if not self._active:
            return ()
        self._forget_over()
        return [fault for fault in self._active.values() if fault.begun and isinstance(fault.asked, kinds)]

    def _rest(self, kind: type[RestFault], code: str, path: str) -> Iterable[Active]:
        for fault in self._of(kind):
            if fault.is_of(code) and path.startswith(fault.asked.path or ""):
                fault.hit()
                yield fault

    def _begin(self, fault: Active) -> None:
        if fault.number not in self._active:
            return
        asked = fault.asked
        fault.begun = True
        seconds = getattr(asked, "seconds", None)
        fault.left = getattr(asked, "count", None)
        fault.until_s = None if seconds is None else time.monotonic() + seconds
        if isinstance(asked, RestFault | RefuseConnections) and fault.left is None and seconds is None:
            fault.left = 1
        if isinstance(asked, Disconnect | Delist | Silent | Shutdown):
            self._strike(fault)

    def _strike(self, fault: Active) -> None:
        """Connections that are there now."""
        asked = fault.asked
        struck = [client for client in self._clients if fault.is_of(client.code) and _carries(client, asked)]
        if isinstance(asked, Silent):
            fault.clients = set(struck)
            for client in struck if not asked.pings else ():
                client.wire.mute = True
                client.wire.stop_keepalive()
            return
        if isinstance(asked, Delist):
            fault.hits = len(struck)
            for client in struck:
                client.wire.drop()
            return
        struck = struck[: fault.left]
        fault.hits, fault.left = len(struck), 0
        for client in struck:
            if isinstance(asked, Disconnect):
                client.wire.drop()
            else:
                client.farewell(self._now_ms())
                self._later(asked.delay_s, lambda client=client: client.wire.hang_up(GOING_AWAY))

    def _forget_over(self) -> None:
        for fault in [fault for fault in self._active.values() if fault.over]:
            del self._active[fault.number]
            self._speak_again(fault)

    def _speak_again(self, fault: Active) -> None:
        for client in fault.clients:
            client.wire.mute = False


def _is_of(channel: Channel, asked: TopicFault) -> bool:
    """Whether a channel is what the fault is about; `candle` stands for every interval."""
    family = "candle" if channel.stream.startswith("candle_") else channel.stream
    return asked.symbol in (None, channel.symbol) and asked.stream in (None, channel.stream, family)


def _carries(client: "Client", asked: AnyFault) -> bool:
    if not isinstance(asked, TopicFault) or (asked.symbol is None and asked.stream is None):
        return True
    return any(_is_of(channel, asked) for channel in client.joined)


def _spoil(frame: str, spoilers: Iterable[Active]) -> list[str | bytes]:
    """One frame through the faults that have not run out."""
    said: list[str | bytes] = [frame]
    for fault in spoilers:
        if fault.over:
            continue
        fault.hit()
        match fault.asked:
            case Skip():
                return []
            case Duplicate():
                said = [*said, frame]
            case Checksum():
                said = [_checksum.sub(WRONG_CHECKSUM, one) if isinstance(one, str) else one for one in said]
            case BrokenFrame(form=form, instead=instead):
                said = [_broken(frame, form), *(() if instead else said)]
    return said


def _broken(frame: str, form: str) -> str | bytes:
    if form == "binary":
        return BINARY_FRAME
    return UNKNOWN_FRAME if form == "unknown" else frame[: len(frame) // 2]
