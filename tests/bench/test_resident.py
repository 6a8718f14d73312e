"""A listener that stays counts what is missing and what came twice, and goes on where it was."""

import json
from typing import Any

import pytest

from bench.picture import drawing
from bench.resident import Once, Resident

TRADE = "binance.trade.BTC-USDT"


@pytest.mark.parametrize(
    ("ids", "missing", "twice"),
    [
        ([5, 6, 7], 0, 0),
        ([5, 8], 2, 0),
        ([5, 8, 6, 7], 0, 0),
        ([5, 6, 6], 0, 1),
        ([5, 8, 8, 6], 1, 1),
        ([5, 6, 5], 0, 1),
        ([], 0, 0),
    ],
)
def test_every_id_counts_once_whenever_it_comes(ids: list[int], missing: int, twice: int) -> None:
    once = Once()
    for trade_id in ids:
        once.hear(trade_id)
    assert (once.missing, once.twice) == (missing, twice)


def trade(seq: int, trade_id: int, epoch: int = 9, **members: Any) -> str:
    return json.dumps(
        {"event": "trade", "topic": TRADE, "epoch": epoch, "seq": seq, "trade_id": str(trade_id), **members}
    )


def test_it_names_its_positions_when_it_asks_again_and_forgets_what_was_not_kept() -> None:
    resident = Resident("ws://nowhere", [TRADE])
    assert resident._request([TRADE]) == {"action": "subscribe", "topics": [TRADE]}
    resident.hear(trade(1, 50))
    assert resident._request([TRADE])["from"] == {TRADE: {"epoch": 9, "seq": 1}}
    resident.hear(json.dumps({"action": "subscribe", "topic": TRADE, "result": True, "recovered": True}))
    resident.hear(trade(3, 52))
    assert (resident.lost, len(resident.faults)) == (1, 1)
    resident.hear(json.dumps({"action": "subscribe", "topic": TRADE, "result": True, "recovered": False}))
    resident.hear(trade(7, 90))
    assert (resident.lost, len(resident.faults), resident.unresumed["binance"]) == (0, 1, 1)


def test_a_drawing_has_a_line_for_each_name_and_a_mark_for_each_fault() -> None:
    drawn = drawing("a <title>", "MB", [0, 1, 2], {"web": [1, 2, 3], "redis": [5, 5, 5]}, [0.5, 1.5])
    assert (drawn.count("<polyline"), drawn.count('class="mark"')) == (2, 2)
    assert "a &lt;title&gt;" in drawn
    assert "href" not in drawn
