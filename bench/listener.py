"""A client of the stream that believes nothing: it counts, follows each seq, and keeps every book."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from bench.books import Book, Level

UNBROKEN = {"trade", "depth"}  # streams in which no seq may be missing
MARKET = {"trade", "ticker", "depth", "candle"}
EXPECTED = {"repaired", "notice"}
CHUNK = 500  # topics in a request
SAMPLE_EVERY = 50  # events; of these the delay is kept


class Message(msgspec.Struct):
    """What is looked at of any message."""

    event: str = ""
    topic: str = ""
    epoch: int = 0
    seq: int | None = None
    received_time: int | None = None
    type: str = ""
    bids: list[Level] = []
    asks: list[Level] = []
    reason: str = ""
    status: str = ""
    detail: str = ""
    source: str = ""
    trade_id: str = ""
    price: Decimal | None = None
    action: str = ""
    subscription: str = ""
    recovered: bool | None = None
    complete: bool = True
    result: bool | None = None
    error: dict[str, str] | None = None


read = msgspec.json.Decoder(Message).decode


class Listener:
    """Subscribes to all topics on one connection. `faults` holds, in words, whatever must not happen."""

    def __init__(self, url: str, topics: Sequence[str]) -> None:
        self._url, self._topics = url, topics
        self._last: dict[str, tuple[int, int]] = {}
        self._books: dict[str, Book] = {}
        self.received: Counter[tuple[str, str]] = Counter()  # (exchange, event)
        self.replies: Counter[str] = Counter()
        self.gaps: Counter[tuple[str, str]] = Counter()  # (exchange, reason)
        self.statuses: Counter[tuple[str, str]] = Counter()  # (exchange, status)
        self.faults: list[str] = []
        self.books_checked = 0
        self.delays_ms: list[int] = []
        self._until_sample = SAMPLE_EVERY

    async def run(self, seconds: float) -> None:
        try:
            async with (
                asyncio.timeout(seconds),
                connect(self._url, max_size=None, compression=None, max_queue=1024) as socket,
            ):
                for start in range(0, len(self._topics), CHUNK):
                    asked = {"action": "subscribe", "topics": self._topics[start : start + CHUNK]}
                    await socket.send(msgspec.json.encode(asked).decode())
                async for text in socket:
                    self.hear(text)
        except TimeoutError:
            return
        except ConnectionClosed as closed:
            self.faults.append(f"the connection ended: {closed}")
        else:
            self.faults.append("the connection ended")

    def settled(self) -> None:
        """Events and delays count from now on; what went before was the newest state of each topic."""
        self.received.clear()
        self.delays_ms.clear()

    def hear(self, text: str | bytes) -> Message:
        """One message."""
        said = read(text)
        if not said.event:
            self.replies["accepted" if said.result else str(said.error)] += 1
            return said
        exchange = said.topic.partition(".")[0]
        if said.event in MARKET:
            self._count(exchange, said)
        elif said.event == "gap":
            self.gaps[exchange, said.reason] += 1
            self._books.pop(said.topic, None)
        elif said.event == "status":
            self.statuses[exchange, said.status] += 1
        elif said.event not in EXPECTED:
            self.faults.append(f"{said.topic}: {said.event}")
        if said.seq is not None and said.topic.split(".")[1] in UNBROKEN:
            self._follow(said, said.seq)
        if said.event == "depth":
            self._keep(said)
        return said

    def _count(self, exchange: str, said: Message) -> None:
        self.received[exchange, said.event] += 1
        self._until_sample -= 1
        if self._until_sample <= 0 and said.received_time:
            self._until_sample = SAMPLE_EVERY
            self.delays_ms.append(time.time_ns() // 1_000_000 - said.received_time)

    def _follow(self, said: Message, seq: int) -> None:
        """A snapshot for a late joiner carries the position before the event that follows it."""
        last, at = self._last.get(said.topic), (said.epoch, seq)
        self._last[said.topic] = at
        if last is None or (said.epoch == last[0] and seq == last[1] + 1):
            return
        if not (said.epoch > last[0] and seq == 1 and said.event == "gap"):
            self.faults.append(f"{said.topic}: {last} then {at}, a {said.event}")

    def _keep(self, said: Message) -> None:
        book = self._books.get(said.topic)
        if said.type == "snapshot":
            book = self._books[said.topic] = Book()
            book.replace(said.bids, said.asks)
        elif book is None:
            self.faults.append(f"{said.topic}: a delta before any snapshot, at {said.epoch}-{said.seq}")
            return
        else:
            book.apply(said.bids, said.asks)
        self.books_checked += 1
        if fault := book.fault():
            self.faults.append(f"{said.topic}: {fault}, at {said.epoch}-{said.seq}")
