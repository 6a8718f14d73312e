"""When to connect again; pure."""

from datetime import UTC, datetime
from random import uniform

FIRST_S = 0.2
LONGEST_S = 30.0
STEADY_S = 30.0  # a connection that lived so long starts the count anew


def delay_s(attempt: int, asked_s: float = 0.0) -> float:
    """Seconds before attempt `attempt` (from 0): doubling with full jitter, never less than the exchange asked for.

    The first attempt is nearly at once: most connections end because the exchange wants it so.
    """
    ceiling_s = min(LONGEST_S, FIRST_S * 2 ** min(attempt, 12))
    return asked_s + uniform(0, ceiling_s)


def next_attempt(attempt: int, lived_s: float) -> int:
    """The count after a connection that lived `lived_s` seconds."""
    return 0 if lived_s >= STEADY_S else attempt + 1


def again_at(now_ns: int, after_s: float) -> str:
    """When that will be, for the detail of a status."""
    return f"; tried again at {datetime.fromtimestamp(now_ns / 1e9 + after_s, UTC):%H:%M:%S} UTC"
