"""The name of everything in Redis, with what is there."""

DEMAND = "demand"  # sorted set: topic -> the second (Redis' clock) at which nobody is known to want it any more
LOOPS = "loops"  # sorted set: hold loop -> the second at which it is taken for dead
MEMORY = "memory"  # hash: what the histories take (streams/memory.py)
MEMORY_TURN = "memory:turn"  # there while it was measured a moment ago
PINS = "pins"  # the topics of pins and signals as the database had them, for when it is away
TAPED = "taped"  # sorted set: `<recording>|<topic>` -> the second at which nobody is known to record it any more
REPLAYED = "replayed"  # sorted set: original topic -> the second until which a replay tells it, and no hold loop
REPLAYS = "replaying"  # hash: replay -> its topics, and until when it counts as running (streams/replays.py)
RUNNING = "running"  # sorted set: topic -> the second of its last heartbeat


def history(topic: str) -> str:
    """Stream; entry id `<epoch>-<seq of its last event>`, field `events`: one event's JSON a line."""
    return f"stream:{topic}"


def latest(topic: str) -> str:
    """Hash: `position`, `event` (the last market event), `trade_id`, `book` and `book_position`, `status`, `stopped`,
    `beat` (the second of the last heartbeat, by Redis' clock), `time_us` of the last event, `closed_ms` (the opening of
    the last candle that was said closed), and what the status page shows (`rate`, `lag_ms`, `gaps`, `loop`)."""
    return f"latest:{topic}"


def plan(exchange: str) -> str:
    """JSON: shard -> the (stream, symbol) pairs it carries."""
    return f"plan:{exchange}"


def lease(exchange: str, shard: str) -> str:
    """The token of the hold loop that carries the shard; expires."""
    return f"lease:{exchange}:{shard}"


def offer(lease_key: str) -> str:
    """The token of the hold loop that would hand the shard over; expires."""
    return f"offer:{lease_key}"


def claim(lease_key: str) -> str:
    """The hold loop that is about to take the shard, or `ready <its token to be>`; expires."""
    return f"claim:{lease_key}"


def loop(name: str) -> str:
    """Hash: what a hold loop says of itself; expires."""
    return f"loop:{name}"


def state(exchange: str) -> str:
    """Hash: how an exchange's connections are doing; expires."""
    return f"state:{exchange}"


def markets(exchange: str) -> str:
    """The exchange's markets as the database had them, for when it is away."""
    return f"markets:{exchange}"


def tape(exchange: str) -> str:
    """Stream: what its connections hear and say while somebody records (streams/tape.py)."""
    return f"tape:{exchange}"


def forwarded(output: str) -> str:
    """Hash: topic -> `<epoch>-<seq>` up to which the output has acknowledged it."""
    return f"forwarded:{output}"


def output(name: str) -> str:
    """Hash: how the output is doing (streams/forwarders/state.py); expires."""
    return f"output:{name}"
