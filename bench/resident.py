"""A listener that stays for hours: it connects again, resumes where it stopped, and counts every trade once."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from bench.listener import CHUNK, Listener, Message

AGAIN_S = 0.2
COUNTED = ("binance", "binance_futures", "coinbase", "kraken", "okx")  # the sandbox numbers their trades without holes
LATER = {"unavailable", "rate_limited"}


class Once:
    """The trade ids of one topic: which are missing, which came twice."""

    def __init__(self) -> None:
        self._next: int | None = None  # all before it came
        self._later: set[int] = set()
        self.twice = 0

    def hear(self, trade_id: int) -> None:
        if self._next is None:
            self._next = trade_id
        if trade_id < self._next or trade_id in self._later:
            self.twice += 1
            return
        self._later.add(trade_id)
        while self._next in self._later:
            self._later.remove(self._next)
            self._next += 1

    @property
    def missing(self) -> int:
        """Ids that did not come though a later one did."""
        return max(self._later) - self._next - len(self._later) + 1 if self._later and self._next is not None else 0


class Resident(Listener):
    """A connection that ends is no fault of the stream; what it makes a client miss would be."""

    def __init__(self, url: str, topics: Sequence[str]) -> None:
        super().__init__(url, topics)
        self.connections = 0
        self.unresumed: Counter[str] = Counter()  # exchange -> topics that could not go on where they were
        self.incomplete: Counter[str] = Counter()  # exchange -> repairs that got less than all
        self.once: dict[str, Once] = {}
        self._again: list[str] = []

    async def run(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self._one_connection()
                    await asyncio.sleep(AGAIN_S)
        except TimeoutError:
            return

    @property
    def lost(self) -> int:
        return sum(each.missing for each in self.once.values())

    @property
    def twice(self) -> int:
        return sum(each.twice for each in self.once.values())

    async def _one_connection(self) -> None:
        try:
            async with connect(self._url, max_size=None, compression=None, max_queue=1024, open_timeout=5) as socket:
                self.connections += 1
                self._again = list(self._topics)
                async for text in self._texts(socket):
                    self.hear(text)
        except (OSError, ConnectionClosed, InvalidHandshake, TimeoutError):
            return

    async def _texts(self, socket):
        """What comes; before each message, what has to be asked for is."""
        while True:
            while self._again:
                asked, self._again = self._again[:CHUNK], self._again[CHUNK:]
                await socket.send(msgspec.json.encode(self._request(asked)).decode())
            yield await socket.recv()

    def _request(self, topics: list[str]) -> dict[str, object]:
        known = {topic: self._last[topic] for topic in topics if topic in self._last}
        positions = {topic: {"epoch": epoch, "seq": seq} for topic, (epoch, seq) in known.items()}
        return {"action": "subscribe", "topics": topics, **({"from": positions} if positions else {})}

    def hear(self, text: str | bytes) -> Message:
        said = super().hear(text)
        exchange = said.topic.partition(".")[0]
        if said.action == "subscribe":
            self._replied(said)
        elif said.event == "trade" and exchange in COUNTED:
            self.once.setdefault(said.topic, Once()).hear(int(said.trade_id))
        elif said.event == "repaired" and not said.complete:
            self.incomplete[exchange] += 1
        return said

    def _replied(self, said: Message) -> None:
        if said.error and said.error["code"] in LATER:
            self._again.append(said.subscription)
        elif said.recovered is False:
            self.unresumed[said.topic.partition(".")[0]] += 1
            self._last.pop(said.topic, None)
            self._books.pop(said.topic, None)
            self.once.pop(said.topic, None)
