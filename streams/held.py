"""One shard that a hold loop carries."""

import asyncio
import time
from dataclasses import dataclass

from exchanges.contract import Card, Socket, Want
from exchanges.symbols import Instruments, Topic
from streams.lease import Lease
from streams.numbering import Numbering
from streams.session import Session


@dataclass
class Held:
    """`wants` is what it carries now; `task` runs its session."""

    card: Card
    shard: str
    lease: Lease
    markets: Instruments
    numbering: Numbering
    session: Session
    wants: frozenset[Want] = frozenset()
    task: asyncio.Task[None] | None = None

    @property
    def exchange(self) -> str:
        return self.card.code

    @property
    def order(self) -> list[Want]:
        """What it carries, always in the same order."""
        return sorted(self.wants)

    @property
    def topics(self) -> list[str]:
        """The topics, in that order."""
        return [str(Topic(self.exchange, *want)) for want in self.order]

    @property
    def socket(self) -> Socket:
        return self.card.sockets[int(self.shard.partition("-")[0])]

    @property
    def movable(self) -> bool:
        """Whether two loops may be connected for it at once for a moment, so that one can hand it over."""
        return not self.socket.url or self.socket.most_connections != 1

    def close(self, want: Want) -> None:
        """The stream is no longer carried: nobody wants it, or its market is gone."""
        if want[1] in self.markets.by_symbol:
            self.numbering.close(want, time.time_ns(), "stopped", "nobody wants it")
        else:
            self.numbering.close(want, time.time_ns(), "not_listed", f"{self.exchange} no longer lists {want[1]}")

    def start(self) -> None:
        """Its session runs from now on."""
        self.task = self.task or asyncio.create_task(self.session.run())
