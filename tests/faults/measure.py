"""When a client first noticed a fault, and when all was well again; pure."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.witness import Witness

Event = dict[str, Any]
LONG_S = 1e9
SILENT_S = (
    3.0  # longer than the market itself ever is; a pause so long is part of the fault where nothing else tells of it
)


@dataclass
class Measured:
    """Seconds since the fault; None where the client noticed nothing. `told` is what it was told, each once."""

    detected_s: float | None = None
    repaired_s: float | None = None
    told: dict[str, None] = field(default_factory=dict)


def measured(witness: Witness, struck_s: float, topics: Iterable[str]) -> Measured:
    """Of the topics. Repaired is a topic once it goes on after its gap (and repair), its longest pause, or its client's
    new connection."""
    found = Measured()
    ends: list[float] = []
    closed = [when_s for when_s, _ in witness.closed if when_s >= struck_s]
    for topic in topics:
        heard = [(when_s, event) for when_s, event in witness.since(struck_s) if event.get("topic") == topic]
        noticed = [(when_s, word) for when_s, event in heard if (word := _word(event))]
        found.told.update(dict.fromkeys(word for _, word in noticed))
        broken = [when_s for when_s, event in heard if event.get("event") in ("gap", "repaired")]
        ends += _next_live(heard, max(broken)) if broken else _pause(heard, struck_s)
        if closed:
            ends += _next_live(heard, max(closed))
        first = min((when_s for when_s, _ in noticed), default=None)
        if first is not None and (found.detected_s is None or first - struck_s < found.detected_s):
            found.detected_s = first - struck_s
    for when_s, event in witness.since(struck_s):
        if event.get("event") == "notice":
            found.told[_word(event)] = None
            found.detected_s = min(when_s - struck_s, found.detected_s or LONG_S)
    if closed:
        found.told["closed"] = None
        first_s = min(closed) - struck_s
        found.detected_s = first_s if found.detected_s is None else min(found.detected_s, first_s)
    found.repaired_s = max(ends) - struck_s if ends else None
    return found


def slowest_s(witness: Witness, struck_s: float) -> float:
    """The longest that a live event took, from our clock when its frame came to the client."""
    wall_s = time.time() - time.monotonic()
    delays = (
        when_s + wall_s - event["received_time"] / 1000 for when_s, event in witness.since(struck_s) if _is_live(event)
    )
    return max(delays, default=0.0)


def _word(event: Event) -> str:
    """What tells a client of a fault; empty for anything else."""
    kind = event.get("event")
    if kind == "gap":
        return f"gap:{event['reason']}"
    if kind == "status" and event["status"] != "live":
        return str(event["status"])
    if kind in ("lagged", "repaired"):
        return str(kind)
    return f"notice:{event.get('notice')}" if kind == "notice" else ""


def _next_live(heard: list[tuple[float, Event]], after_s: float) -> list[float]:
    return [when_s for when_s, event in heard if when_s >= after_s and _is_live(event)][:1]


def _pause(heard: list[tuple[float, Event]], struck_s: float) -> list[float]:
    """When the longest silence ended, where it was long."""
    times = [struck_s, *(when_s for when_s, event in heard if _is_live(event))]
    longest_s, end_s = max(((b - a, b) for a, b in zip(times, times[1:], strict=False)), default=(0.0, struck_s))
    return [end_s] if longest_s > SILENT_S else []


def _is_live(event: Event) -> bool:
    return event.get("event") in ("trade", "depth") and event["source"] == "live"
