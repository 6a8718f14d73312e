"""From a hold loop to Redis: what waited since the last flush in one round trip, then an envelope a group.

There is no timer: while one flush is under way the next one gathers. What waits is bounded; over the bound it is
dropped as a whole, and so is all that comes until Redis takes something again. Then `on_lost` is told, so that each
topic says so by a gap.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams import envelope, keys
from streams.ending import heed
from streams.lease import TTL_MS, Lease
from streams.publishers.channels import PUBLISH, Channels
from streams.publishers.waiting import Batch, Numbered, Waiting, Written

log = logging.getLogger(__name__)

WAITING_BYTES = 64 * 2**20
PIECE_BYTES = 4 * 2**20  # of one flush: Redis serves nobody else meanwhile
RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)
SEND_TIMEOUT_S = 5.0
HISTORY_MIN = 32  # entries of a topic that are kept whatever the budget says
ENTRY_BYTES = 64  # what an entry of a history costs beside its events
RECENT_S = 3.0  # what was written so short a time before Redis went away is said again when it is back
RECENT_BYTES = 16 * 2**20
GONE = 1_000  # leases that were another's or nobody's from then on


class Publisher:
    """One a hold loop. `add`, `note` and `fields` never wait; `run` writes."""

    def __init__(
        self,
        redis: Redis,
        layer: Any,
        history_events: int,
        history_bytes: int,
        on_lost: Callable[[], None],
        on_refused: Callable[[Lease], None],
        waiting_bytes: int = WAITING_BYTES,
    ) -> None:
        self._flush = redis.register_script((Path(__file__).parent / "flush.lua").read_text())
        self._redis = redis
        self._layer = layer
        self._history_events = history_events
        self.history_bytes = history_bytes  # this loop's share of the memory for all histories
        self.channels = Channels()
        self._on_lost = on_lost
        self._on_refused = on_refused
        self._waiting_bytes = waiting_bytes
        self._extra_bytes = 0.0  # that may wait beside: with what each topic begins anew
        self._waiting = Waiting()
        self._batches = self._waiting.batches
        self._something = asyncio.Event()
        self._full = False  # more came than may wait: nothing is taken until something was written
        self._unsure = False  # Redis may not have, or not have told, what it took last
        self._recent: deque[tuple[float, int, list[Batch]]] = deque()  # when it was written (s), bytes
        self._recent_size = 0
        self._gone: deque[Lease] = deque(maxlen=GONE)
        self._begun = self._ended = 0  # flushes
        self._end = asyncio.Event()  # of the flush under way
        self._left: set[str] = set()  # topics that are no longer carried here; what waits of them is still written
        self._mean: dict[str, tuple[float, float]] = {}  # topic -> (events, bytes) of a typical history entry
        self._written: dict[str, Written] = {}  # by topic
        self._dropped: dict[str, Numbered] = {}  # by topic

    def add(self, lease: Lease, line: Numbered, event: bytes) -> None:
        """One counted event, the line's newest."""
        if self._full:
            self._dropped[line.topic] = line
            return
        self._waiting.event(lease, line, event)
        self._grown()

    def note(self, lease: Lease, line: Numbered, event: bytes) -> None:
        """One event that is not counted; also kept as the topic's last status."""
        if self._full:
            return
        self._waiting.note(lease, line, event)
        self._grown()

    def fields(self, lease: Lease, line: Numbered, **fields: str | bytes) -> None:
        """What is kept of the topic beside its history."""
        if self._full:
            fields = {name: value for name, value in fields.items() if name == "stopped"}
        if fields:
            self._waiting.fields(lease, line, fields)
            self._something.set()

    async def run(self) -> None:
        """Flushes until cancelled."""
        while True:
            heed()
            await self._something.wait()
            taken = self._waiting.take(PIECE_BYTES)
            left: set[str] = set()
            if not self._batches:
                self._something.clear()
                self._extra_bytes = 0
                left, self._left = self._left, left
            self._begun += 1
            for lease in await self._deliver(taken):
                self._on_refused(lease)
            for topic in left:
                self._mean.pop(topic, None)
                self._written.pop(topic, None)
                self.channels.forget(topic)
            if self._full:
                self._tell_lost()
            self._ended += 1
            self._end.set()
            self._end = asyncio.Event()

    async def drained(self) -> None:
        """Returns when what waits now is written; what is added meanwhile, without end perhaps, is not waited for."""
        last = self._batches[-1] if self._batches else None
        while self._full or any(batch is last for batch in self._batches):
            await self._end.wait()
        if self._ended < self._begun:
            await self._end.wait()

    @property
    def waits_bytes(self) -> int:
        """What waits to be written."""
        return self._waiting.size

    def forget(self, topic: str) -> None:
        """The topic is no longer carried here: its share of the budget is free after the next flush."""
        self._left.add(topic)

    def let_go(self, lease: Lease) -> None:
        """The lease is another's or nobody's, and stays so: what was written under it is not said again."""
        self._gone.append(lease)

    def _grown(self) -> None:
        self._something.set()
        if self._waiting.size > self._waiting_bytes + self._extra_bytes and not self._full:
            log.error("%d bytes wait for Redis, too many: dropped, each topic says so by a gap", self._waiting.size)
            self._full = True
            self._dropped |= {batch.line.topic: batch.line for batch in self._waiting.drop()}

    def _tell_lost(self) -> None:
        """Each topic goes on from the last event that was written."""
        for topic, line in self._dropped.items():
            if topic in self._written:
                line.time_us, line.trade_id, line.closed_ms = self._written[topic]
        self._dropped = {}
        self._full, self._extra_bytes = False, float("inf")
        self._on_lost()
        self._extra_bytes = self._waiting.size

    async def _deliver(self, batches: list[Batch]) -> set[Lease]:
        """Writes and announces; gives the leases that are another's."""
        lengths = {id(batch): self._length(batch) for batch in batches if batch.events}
        again, refused = await self._write(batches, lengths)
        accepted = [batch for number, batch in enumerate(batches) if number not in refused]
        for batch in accepted:
            if batch.events:
                self._written[batch.line.topic] = batch.written
        # A status is said again by the heartbeat anyway.
        items = [batch.item._replace(notes=[]) for batch in again] + [batch.item for batch in accepted]
        self._unsure = not await self._announced(items)
        self._remember(accepted)
        return {batches[number].lease for number in refused}

    async def _write(self, batches: list[Batch], lengths: dict[int, int]) -> tuple[list[Batch], set[int]]:
        """What was written again, and the indexes of refused batches. Tries until Redis answers: nothing may overtake
        what waits. A Redis that was away may have lost its last moments, or all."""
        attempt = 0
        while True:
            heed()
            again = self._said_lately() if self._unsure else []
            try:
                refused = await self._flush(args=self._arguments([*again, *batches], lengths))
                if attempt:
                    log.warning("Redis takes again what the exchanges say")
                return again, {index - 1 - len(again) for index in refused if index > len(again)}
            except (RedisError, OSError) as error:
                self._unsure = True
                if attempt == 0:
                    log.warning("Redis does not take what the exchanges say, it waits here: %s", error)
                await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
                attempt += 1

    def _said_lately(self) -> list[Batch]:
        gone = set(self._gone)
        return [batch for _, _, recent in self._recent for batch in recent if batch.lease not in gone]

    def _remember(self, batches: list[Batch]) -> None:
        now_s, size = time.monotonic(), sum(batch.size for batch in batches)
        self._recent.append((now_s, size, batches))
        self._recent_size += size
        while self._recent and (self._recent_size > RECENT_BYTES or self._recent[0][0] < now_s - RECENT_S):
            self._recent_size -= self._recent.popleft()[1]

    def _arguments(self, batches: list[Batch], lengths: dict[int, int]) -> list[Any]:
        leases = list({batch.lease for batch in batches})
        index = {lease: number for number, lease in enumerate(leases, 1)}
        arguments: list[Any] = [TTL_MS, len(leases)]
        for lease in leases:
            arguments += (lease.key, lease.token)
        for batch in batches:
            topic, kept = batch.line.topic, batch.kept
            history = keys.history(topic) if batch.events else ""
            length = lengths.get(id(batch), self._history_events)
            events = b"\n".join(batch.events)
            arguments += (index[batch.lease], history, keys.latest(topic), str(batch.last), events, length, len(kept))
            for name, value in kept.items():
                arguments += (name, value)
        return arguments

    def _length(self, batch: Batch) -> int:
        """How many entries the topic's history keeps: bounded by events, and by its share of one budget of memory."""
        events, size = len(batch.events), sum(map(len, batch.events)) + ENTRY_BYTES
        mean_events, mean_bytes = self._mean.get(batch.line.topic, (events, size))
        mean_events += (events - mean_events) / 16
        mean_bytes += (size - mean_bytes) / 16
        self._mean[batch.line.topic] = mean_events, mean_bytes
        share = self.history_bytes / len(self._mean)
        return max(HISTORY_MIN, int(min(self._history_events / mean_events, share / max(mean_bytes, 1.0))))

    async def _announced(self, items: list[envelope.Item]) -> bool:
        """An item without events tells where a quiet topic stands: Pub/Sub may have lost the last message."""
        grouped = envelope.messages(items)
        # In one round trip for all groups: `group_send` takes one each, and a busy loop waits its turn for every one.
        pipeline = self._redis.pipeline(transaction=False)
        for name, message in grouped.items():
            pipeline.publish(self._layer._get_group_channel_name(name), self._layer.serialize(message))
        for messages in self.channels.commands(items):
            pipeline.eval(PUBLISH, 0, *messages)
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                answers = await pipeline.execute()
        except (RedisError, OSError) as error:  # TimeoutError is an OSError: readers fill the hole from the history
            log.warning("an envelope was not sent: %s", error)
            return False
        self.channels.published(items, answers[len(grouped) :])
        return True
