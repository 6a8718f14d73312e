"""The judge of a run finds what must not happen, and only that."""

from dataclasses import asdict
from zlib import crc32

import pytest

from tests.kafka.judge import Written, judge

TOPIC = "binance.trade.BTC-USDT"
EVENTS = [f"event {seq}".encode() for seq in range(1, 6)]
WRITTEN = {TOPIC: Written(7, [crc32(event) for event in EVENTS])}


def message(seq: int, value: bytes | None = None) -> tuple[str, bytes]:
    return f"{TOPIC}:7:{seq}", value or EVENTS[seq - 1]


def gap(after: int, until: int) -> tuple[str, bytes]:
    return message(until, b'{"reason":"overflow","from":{"epoch":7,"seq":%d}}' % after)


ALL = [message(seq) for seq in range(1, 6)]


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        (ALL, {}),
        (ALL[:3] + ALL[1:], {"duplicates": 2}),
        (ALL[:2] + ALL[4:], {"undeclared": 2}),
        ([*ALL[:2], gap(2, 4), ALL[4]], {"declared": 2}),
        ([*ALL[:2], gap(1, 3), *ALL[3:]], {"declared": 1}),
        ([*ALL, gap(2, 4)], {"duplicates": 1}),
        ([ALL[1], ALL[0], *ALL[2:]], {"disordered": 1}),
        ([*ALL[:4], message(5, b"another")], {"changed": 1}),
        ([*ALL, (f"{TOPIC}:8:1", b"x"), (f"{TOPIC}:7:6", b"x")], {"unknown": 2}),
    ],
)
def test_it_finds(messages, found):
    counts = {name: count for name, count in asdict(judge(messages, WRITTEN)).items() if count}
    assert counts == {"messages": len(messages), **found}
