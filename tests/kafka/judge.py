"""What a consumer of Kafka got, against what was written to the histories."""

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from zlib import crc32

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

PATIENCE_S = 60.0
AT_ONCE = 5_000
OVERFLOW = b'"reason":"overflow"'


@dataclass
class Written:
    """The events of one topic in one epoch: the checksum of each, by seq from 1."""

    epoch: int
    checksums: list[int] = field(default_factory=list)


@dataclass
class Verdict:
    """Counts; all but the first three must be 0 where nothing went wrong."""

    messages: int = 0
    duplicates: int = 0
    declared: int = 0  # events that a gap said to be lost, and that did not come
    undeclared: int = 0  # events that did not come, and no gap said so
    changed: int = 0  # other bytes than were written
    disordered: int = 0  # behind an event that follows it, duplicates left out
    unknown: int = 0  # were never written


def judged(servers: str, prefix: str, written: dict[str, Written]) -> Verdict:
    """Of all that Kafka topics of this prefix have."""
    return judge(((_identity(message), message.value()) for message in _consumed(servers, prefix)), written)


def judge(messages: Iterable[tuple[str, bytes]], written: dict[str, Written]) -> Verdict:
    """Of messages, each by header and value, in the order of their partitions."""
    verdict = Verdict()
    came: dict[str, set[int]] = defaultdict(set)
    declared: dict[str, set[int]] = defaultdict(set)
    last: dict[str, int] = defaultdict(int)
    for identity, value in messages:
        verdict.messages += 1
        topic, epoch, seq = identity.rsplit(":", 2)
        number, known = int(seq), written.get(topic)
        if known is None or int(epoch) != known.epoch or number > len(known.checksums):
            verdict.unknown += 1
            continue
        if number in came[topic] or number in declared[topic]:
            verdict.duplicates += 1
            continue
        verdict.disordered += number < last[topic]
        last[topic] = max(last[topic], number)
        if OVERFLOW in value:
            declared[topic].update(range(json.loads(value)["from"]["seq"] + 1, number + 1))
            continue
        came[topic].add(number)
        verdict.changed += crc32(value) != known.checksums[number - 1]
    for topic, known in written.items():
        absent = set(range(1, len(known.checksums) + 1)) - came[topic]
        verdict.declared += len(absent & declared[topic])
        verdict.undeclared += len(absent - declared[topic])
    return verdict


def _identity(message: Message) -> str:
    [(_, identity)] = message.headers()
    return identity.decode()


def _consumed(servers: str, prefix: str) -> Iterator[Message]:
    given = {"bootstrap.servers": servers, "group.id": f"{prefix}-judge", "enable.auto.commit": False}
    consumer = Consumer({**given, "auto.offset.reset": "earliest", "enable.partition.eof": True, "log_level": 0})
    try:
        known = consumer.list_topics(timeout=PATIENCE_S).topics
        parts = [
            TopicPartition(name, number, 0)
            for name, topic in known.items()
            if name.startswith(f"{prefix}.")
            for number in topic.partitions
        ]
        consumer.assign(parts)
        yield from _to_the_end(consumer, len(parts))
    finally:
        consumer.close()


def _to_the_end(consumer: Consumer, parts: int) -> Iterator[Message]:
    until_s, ended = time.monotonic() + PATIENCE_S, set()
    while len(ended) < parts:
        assert time.monotonic() < until_s, "Kafka says no more, and not that this is the end"
        for message in consumer.consume(AT_ONCE, timeout=1.0):
            error = message.error()
            if error is None:
                until_s = time.monotonic() + PATIENCE_S
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                ended.add((message.topic(), message.partition()))
