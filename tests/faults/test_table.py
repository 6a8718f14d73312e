"""What is measured of a fault, and how it is written down."""

from typing import Any

import pytest

from tests.faults.measure import SILENT_S, measured
from tests.faults.table import Row, written
from tests.faults.witness import Event, Witness

A, B = "binance.trade.BTC-USDT", "kraken.trade.BTC-USDT"


def said(topic: str, event: str, **members: Any) -> Event:
    return {"topic": topic, "event": event, "source": "live", **members}


def gap(topic: str) -> Event:
    return said(topic, "gap", reason="disconnect")


def heard(*events: tuple[float, Event], closed: tuple[float, ...] = ()) -> Witness:
    """A client that heard both topics at 10 s, just before the fault, and these after."""
    before = [(9.9, said(A, "trade")), (9.9, said(B, "trade"))]
    return Witness("", (A, B), heard=[*before, *events], closed=[(when_s, 1012) for when_s in closed])


CASES = {
    "nothing": (heard((10.5, said(A, "trade")), (10.6, said(B, "trade"))), None, None, ""),
    "a gap and its repair": (
        heard(
            (12.0, gap(A)), (12.1, {**said(A, "trade"), "source": "backfill"}), (12.2, said(A, "repaired")),
            (12.3, said(A, "trade")), (10.1, said(B, "trade")),
        ),
        2.0, 2.3, "gap:disconnect repaired",
    ),
    "the last of two topics": (
        heard((11.0, gap(A)), (11.5, said(A, "trade")), (13.0, gap(B)), (14.0, said(B, "trade"))),
        1.0, 4.0, "gap:disconnect",
    ),
    "a status is told before the gap": (
        heard((10.5, said(A, "status", status="reconnecting")), (11.0, gap(A)), (12.0, said(A, "trade"))),
        0.5, 2.0, "reconnecting gap:disconnect",
    ),
    "a pause that nobody told of": (heard((10 + SILENT_S + 0.5, said(A, "trade"))), None, SILENT_S + 0.5, ""),
    "a connection that was closed": (
        heard((11.0, said(A, "trade")), (11.2, said(B, "trade")), closed=(10.1,)), 0.1, 1.2, "closed",
    ),
    "a status that says live": (heard((10.2, said(A, "status", status="live"))), None, None, ""),
}  # fmt: skip


@pytest.mark.parametrize(("witness", "detected_s", "repaired_s", "told"), CASES.values(), ids=CASES.keys())
def test_a_fault_is_measured_by_what_the_client_heard(
    witness: Witness, detected_s: float | None, repaired_s: float | None, told: str
) -> None:
    found = measured(witness, 10.0, (A, B))
    assert found.detected_s == (None if detected_s is None else pytest.approx(detected_s))
    assert found.repaired_s == (None if repaired_s is None else pytest.approx(repaired_s))
    assert " ".join(found.told) == told


def test_the_table_is_written_in_columns() -> None:
    rows = [Row("kill", 4.04, 12.5, 0, 1, 20, "gap:failover"), Row("a longer name", None, None, 3, 0, 0, "nothing")]
    assert written(rows) == [
        "fault          detected after  repaired after  lost  duplicated  wrong  seen",
        "kill                    4.0 s          12.5 s     0           1     20  gap:failover",
        "a longer name               -               -     3           0      0  nothing",
    ]
