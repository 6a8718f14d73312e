"""One connected client: its wire, its side of the conversation, and when it came."""

from collections.abc import Iterable, Sequence

from exchanges.invented import Channel, Conversation, Exchange, HangUp, Said
from sandbox.faults import Faults
from sandbox.wire import Wire, encoded


class Client:
    """What it is told passes through the faults first."""

    def __init__(
        self, code: str, exchange: Exchange, conversation: Conversation, wire: Wire, faults: Faults, since_ms: int
    ) -> None:
        self.code = code
        self.exchange = exchange
        self.conversation = conversation
        self.wire = wire
        self.since_ms = since_ms
        self.joined: dict[Channel, None] = {}
        self._faults = faults

    def say(self, said: Iterable[Said]) -> None:
        """Frames of its own; stops at a HangUp."""
        for one in said:
            if isinstance(one, HangUp):
                self.hang_up(one)
                return
            if not self._faults.silences(self, None):
                self.wire.write(encoded(one))

    def deliver(self, channel: Channel, frames: Sequence[str | bytes], now_ms: int) -> None:
        """A channel's frames where each connection has its own form of them."""
        if not self._faults.silences(self, channel):
            own = self.conversation.deliver(channel, [frame for frame in frames if isinstance(frame, str)], now_ms)
            spoilt = [frame for frame in frames if isinstance(frame, bytes)]
            self.wire.write(b"".join(encoded(frame) for frame in (*spoilt, *own)))

    def write(self, channel: Channel, frames: bytes) -> None:
        """A channel's frames, encoded once for all its clients."""
        if not self._faults.silences(self, channel):
            self.wire.write(frames)

    def farewell(self, now_ms: int) -> None:
        """What the exchange says before it closes all connections."""
        self.say(self.conversation.goodbye(now_ms))

    def hang_up(self, end: HangUp) -> None:
        if end.code is None:
            self.wire.drop()
        else:
            self.wire.hang_up(end.code, end.reason)
