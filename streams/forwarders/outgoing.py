"""From the histories into Kafka: every event once at least, in order, and what cannot be is declared."""

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from confluent_kafka import KafkaError, KafkaException
from redis.asyncio import Redis

from streams import history
from streams.forwarders import overflow
from streams.forwarders.lines import Line, Parcel
from streams.forwarders.names import identity
from streams.forwarders.reader import Entry, Found
from streams.forwarders.sender import BATCH_BYTES, TAKEN_BACK, Connection, Outcome, Sender, cause
from streams.forwarders.topics import Topics
from streams.position import START, Position

log = logging.getLogger(__name__)

RETRY_S = 10.0  # a Kafka topic that was refused is tried again, with one event
LIMIT_S = 60.0  # and so is a size
SMALLEST_BYTES = 1024  # a topic that refuses less takes not even the word that something was refused
ROOM_S = 0.01


@dataclass
class Refusal:
    """Why Kafka does not take a topic, and when it is asked again (monotonic)."""

    reason: str
    until_s: float


class Outgoing:
    """Holds the producer. What fails is read again from where all was acknowledged."""

    def __init__(self, redis: Redis, connection: Connection, topics: Topics, lines: dict[str, Line]) -> None:
        """KafkaException where the properties make no sense."""
        self._redis = redis
        self._connection = connection
        self._topics = topics
        self._lines = lines
        self._sender = Sender(connection, BATCH_BYTES, self._heard)
        self._old: list[Sender] = []
        self._too_large: dict[str, tuple[int, float]] = {}  # by Kafka topic: bytes, until (monotonic)
        self.refusals: dict[str, Refusal] = {}  # by Kafka topic
        # Messages acknowledged; events declared lost (at least); gaps that declared them.
        self.sent = self.lost = self.gaps = 0
        self.trouble = ""  # what the client last said of its connections
        self.progress_s = time.monotonic()  # when something was acknowledged, or nothing was under way

    @property
    def under_way(self) -> int:
        """Messages that are not acknowledged."""
        return self._sender.messages

    @property
    def full(self) -> bool:
        return self._sender.full

    def takes(self, line: Line) -> bool:
        """Whether the line's events may be handed over now."""
        refusal = self.refusals.get(line.kafka_topic)
        ready = line.unwanted_s is None and self._topics.ready(line.kafka_topic)
        return ready and (refusal is None or refusal.until_s <= time.monotonic())

    async def give(self, found: Found) -> None:
        """Hands over what was read of a line; of one that was refused a first event, to see."""
        line, refusal = found.line, self.refusals.get(found.line.kafka_topic)
        # Meanwhile something may have failed, so that it is read again from before, or waits.
        if line.read != found.asked or not self.takes(line):
            return
        for entry in found.entries:
            new = entry.after(line.read)
            if new.last <= line.read:
                continue
            if refusal:
                refusal.until_s = time.monotonic() + RETRY_S
                new = Entry(new.first, new.events[:1])
            if not await self._give(line, new) or refusal:
                return

    async def vanished(self, line: Line, until: Position, sample: bytes) -> None:
        """The history had events up to `until`, and has none after what was read."""
        after = line.read
        await self._declare(line, line.give(until, 1), after, until, sample)

    def hear(self) -> int:
        """Takes in what became of messages; how many were heard of, and of the connections."""
        told = self._sender.told
        heard = self._sender.poll()
        if self._sender.told != told or not self._sender.messages:
            self.progress_s = time.monotonic()
        return heard

    async def tidy(self) -> None:
        """Ends producers that were given up."""
        while self._old:
            await asyncio.to_thread(self._old.pop().close)

    async def part(self, patience_s: float) -> None:
        """Waits a while for what is under way, then takes back the rest."""
        until_s = time.monotonic() + patience_s
        while self.under_way and time.monotonic() < until_s:
            self.hear()
            await asyncio.sleep(ROOM_S)
        await self.tidy()
        await asyncio.to_thread(self._sender.close)

    async def _give(self, line: Line, entry: Entry) -> bool:
        """False where it, or some of it, has to be read again."""
        after = line.read
        until = await self._lost(line, entry.first)
        if line.read != after:
            return False
        parcel = line.give(entry.last, len(entry.events) + (until is not None))
        if until and not await self._declare(line, parcel, after, until, entry.events[0]):
            return False
        for seq, event in enumerate(entry.events, entry.first.seq):
            position = Position(entry.last.epoch, seq)
            if self._too_large and self._is_too_large(line, len(event)):
                given = await self._declare(line, parcel, position.before, position, event)
            else:
                told = partial(self._told, line, parcel, len(event))
                given = await self._send(line, parcel, position, event, told)
            if not given:
                return False
        return True

    async def _lost(self, line: Line, first: Position) -> Position | None:
        """The last event that is missing before `first`."""
        until = overflow.lost_until(line.read, first)
        if until or first.epoch == line.read.epoch or line.read in (START, line.even):
            return until
        # Of the epoch that has ended more may have been said than was read, unless the history still has where we were.
        ends = await history.ends_at(self._redis, line.topic, line.read)
        return None if ends else first.before

    async def _declare(self, line: Line, parcel: Parcel, after: Position, until: Position, sample: bytes) -> bool:
        value = overflow.gap(line.topic, after, until, time.time_ns() // 1_000_000, sample)
        count = overflow.dropped(after, until)
        at_least = until.seq if count is None else count
        return await self._send(line, parcel, until, value, partial(self._declared, line, parcel, at_least, len(value)))

    async def _send(self, line: Line, parcel: Parcel, position: Position, value: bytes, told: Outcome) -> bool:
        while not parcel.void:
            try:
                if self._sender.send(line.kafka_topic, line.key, value, identity(line.topic, position), told):
                    return True
            except KafkaException as error:
                told(cause(error))
                return False
            await asyncio.sleep(ROOM_S)
        return False

    def _told(self, line: Line, parcel: Parcel, size: int, error: KafkaError | None) -> None:
        if error is None:
            self.sent += 1
            self.trouble = ""
            if not parcel.void:
                line.delivered(parcel)
                self.refusals.pop(line.kafka_topic, None)
        elif not parcel.void and error.code() not in TAKEN_BACK:
            self._failed(line, size, error)

    def _declared(self, line: Line, parcel: Parcel, events: int, size: int, error: KafkaError | None) -> None:
        if error is None:
            self.lost += events
            self.gaps += 1
            log.debug("%s: %d events were lost before Kafka had them", line.topic, events)
        self._told(line, parcel, size, error)

    def _failed(self, line: Line, size: int, error: KafkaError) -> None:
        if error.fatal() or error.code() == KafkaError._FATAL:
            log.warning("the Kafka client begins anew: %s", error.str())
            self._begin_anew(self._sender.batch_bytes)
        elif error.code() != KafkaError.MSG_SIZE_TOO_LARGE:
            self._refused(line.kafka_topic, error)
        elif size < self._sender.batch_bytes:
            # The batch was too large, not each of its messages. The order holds only if all begins anew.
            self._begin_anew(self._sender.batch_bytes // 2)
        elif size < SMALLEST_BYTES:
            self._refused(line.kafka_topic, error)
        else:
            log.warning("%s: Kafka refuses an event of %d bytes: declared there by a gap", line.kafka_topic, size)
            self._too_large[line.kafka_topic] = size, time.monotonic() + LIMIT_S
            self._begin_anew(self._sender.batch_bytes)

    def _is_too_large(self, line: Line, size: int) -> bool:
        most, until_s = self._too_large.get(line.kafka_topic, (size + 1, float("inf")))
        if until_s <= time.monotonic():
            del self._too_large[line.kafka_topic]
            return False
        return size >= most

    def _refused(self, kafka_topic: str, error: KafkaError) -> None:
        """Its events stay in the history, as long as that keeps them, until Kafka takes them again."""
        self._topics.forget(kafka_topic)
        reason = self._topics.refusals.get(kafka_topic)
        text = f"{kafka_topic}: {error.str()}" + (f"; it could not be made: {reason}" if reason else "")
        if kafka_topic not in self.refusals:
            log.warning("Kafka refuses %s", self._connection.hidden(text))
        self.refusals[kafka_topic] = Refusal(text, time.monotonic() + RETRY_S)
        _rewind(line for line in self._lines.values() if line.kafka_topic == kafka_topic)

    def _begin_anew(self, batch_bytes: int) -> None:
        self._sender.purge()
        self._old.append(self._sender)
        self._sender = Sender(self._connection, batch_bytes, self._heard)
        _rewind(self._lines.values())

    def _heard(self, error: KafkaError) -> None:
        self.trouble = self._connection.hidden(error.str())
        log.debug("the Kafka client says: %s", self.trouble)


def _rewind(lines: Iterable[Line]) -> None:
    for line in lines:
        line.rewind()
