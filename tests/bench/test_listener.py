"""The client of the soak finds what must not happen, and only that."""

import json
from typing import Any

import pytest

from bench.listener import Listener

TRADE, DEPTH, TICKER = "binance.trade.BTC-USDT", "kraken.depth.BTC-USD", "okx.ticker.BTC-USDT"


def said(topic: str, epoch: int, seq: int, event: str = "", **members: Any) -> str:
    stream = topic.split(".")[1]
    return json.dumps({"event": event or stream, "topic": topic, "epoch": epoch, "seq": seq, **members})


def depth(seq: int, kind: str, bids: str, asks: str) -> str:
    """Levels as JSON, so that their digits are theirs."""
    head = said(DEPTH, 7, seq, type=kind)
    return f'{head[:-1]},"bids":{bids},"asks":{asks}}}'


WHOLE = depth(1, "snapshot", "[[1.10, 3], [1.05, 1]]", "[[1.100000000000000001, 2]]")
FAULTLESS = {
    "seq that follows": [said(TRADE, 7, 1), said(TRADE, 7, 2)],
    "a beginning in the middle": [said(TRADE, 7, 41), said(TRADE, 7, 42)],
    "a gap in a new epoch": [said(TRADE, 7, 5), said(TRADE, 9, 1, "gap", reason="stale"), said(TRADE, 9, 2)],
    "a picture left out": [said(TICKER, 7, 1), said(TICKER, 7, 5)],
    "a status, which is not counted": [said(TRADE, 7, 1), json.dumps({"event": "status", "topic": TRADE})],
    "a book nearly crossed": [WHOLE, depth(2, "delta", "[[1.10, 4]]", "[]")],
    "a best bid that goes as the ask comes": [WHOLE, depth(2, "delta", "[[1.10, 0]]", "[[1.08, 1]]")],
}
FAULTY = {
    "then (7, 3)": [said(TRADE, 7, 1), said(TRADE, 7, 3)],
    "then (7, 1)": [said(DEPTH, 7, 1, "gap"), said(DEPTH, 7, 1, "gap")],
    "then (9, 1), a trade": [said(TRADE, 7, 1), said(TRADE, 9, 1)],
    "lagged": [json.dumps({"event": "lagged", "topic": TRADE})],
    "before any snapshot": [depth(1, "delta", "[[1, 1]]", "[]")],
    "crossed": [WHOLE, depth(2, "delta", "[[1.100000000000000001, 1]]", "[]")],
    "too long": [depth(1, "snapshot", json.dumps([[price, 1] for price in range(1, 1002)]), "[]")],
}


def heard(messages: list[str]) -> list[str]:
    listener = Listener("ws://127.0.0.1/", [])
    for message in messages:
        listener.hear(message)
    return listener.faults


@pytest.mark.parametrize("case", FAULTLESS)
def test_no_fault_is_found_in(case):
    assert heard(FAULTLESS[case]) == []


@pytest.mark.parametrize("words", FAULTY)
def test_a_fault_is_told_with_the_words(words):
    [fault] = heard(FAULTY[words])
    assert words in fault


def test_a_delta_after_a_gap_has_no_book():
    [fault] = heard(
        [WHOLE, said(DEPTH, 9, 1, "gap", reason="sequence"), depth(2, "delta", "[]", "[]").replace("7", "9", 1)]
    )
    assert "before any snapshot" in fault
