"""The pump: asks each channel for what happened since the last time, on a clock, and hands it to the channel's clients.

A channel's frames are made and encoded once, whatever the number of clients.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from exchanges.invented import Channel, Exchange
from sandbox.client import Client
from sandbox.faults import Faults
from sandbox.wire import encoded

TICK_S = 0.008
logger = logging.getLogger(__name__)


class Flow:
    """One channel that somebody listens to: its clients, and up to when it was delivered."""

    def __init__(self, code: str, exchange: Exchange, channel: Channel, now_ms: int) -> None:
        self.code = code
        self.exchange = exchange
        self.channel = channel
        self.at_ms = self.due_ms(now_ms)
        self.clients: dict[Client, None] = {}

    def due_ms(self, now_ms: int) -> int:
        """The last moment up to which this channel is to be delivered; the running millisecond is not over yet."""
        period_ms = self.channel.period_ms
        return now_ms - now_ms % period_ms if period_ms else now_ms - 1


class Pump:
    """All channels that somebody listens to."""

    def __init__(self, clock_ms: Callable[[], int], faults: Faults) -> None:
        self._now_ms = clock_ms
        self._faults = faults
        self._flows: dict[tuple[str, Channel], Flow] = {}

    def settle(self, client: Client) -> None:
        """Joins and leaves channels until the client is on those of its conversation."""
        wanted = dict.fromkeys(client.conversation.channels)
        for channel in client.joined.keys() - wanted.keys():
            self._leave(client, channel)
        for channel in wanted:
            if channel not in client.joined:
                self._join(client, channel)
        client.joined = wanted

    def forget(self, client: Client) -> None:
        """The client is gone."""
        for channel in client.joined:
            self._leave(client, channel)
        client.joined = {}

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(TICK_S)
            try:
                self.turn(self._now_ms())
            except Exception:  # one exchange's mistake must not silence the others
                logger.exception("a channel could not be delivered")

    def turn(self, now_ms: int) -> None:
        """Delivers what is due."""
        for flow in list(self._flows.values()):
            due_ms = flow.due_ms(now_ms)
            if due_ms > flow.at_ms:
                after_ms, flow.at_ms = flow.at_ms, due_ms
                frames = flow.exchange.frames(flow.channel, after_ms, due_ms)
                if frames:
                    self._deliver(flow, frames, now_ms)

    def _deliver(self, flow: Flow, frames: Sequence[str], now_ms: int) -> None:
        spoilt = self._faults.spoilt(flow.code, flow.channel, frames)
        wired = None
        for client in list(flow.clients) if spoilt else ():
            if client.conversation.personal:
                client.deliver(flow.channel, spoilt, now_ms)
            else:
                wired = wired or b"".join(map(encoded, spoilt))
                client.write(flow.channel, wired)

    def _join(self, client: Client, channel: Channel) -> None:
        key = client.code, channel
        flow = self._flows.get(key) or Flow(client.code, client.exchange, channel, self._now_ms())
        self._flows[key] = flow
        flow.clients[client] = None
        first = list(flow.exchange.first(channel, flow.at_ms))
        client.say(
            client.conversation.deliver(channel, first, self._now_ms()) if client.conversation.personal else first
        )

    def _leave(self, client: Client, channel: Channel) -> None:
        self._faults.left(client, channel)
        flow = self._flows.get((client.code, channel))
        if flow:
            flow.clients.pop(client, None)
            if not flow.clients:
                del self._flows[client.code, channel]
