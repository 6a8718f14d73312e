"""How an output is doing, as its forwarder says and `status/` shows."""

import os
import socket
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from streams import keys

KEEP_S = 86_400
SILENT_S = 10  # a forwarder says how it is each second
NOBODY = "no worker forwards"


@dataclass
class Counts:
    """Since this output was first used, or Redis forgot: messages acknowledged, events declared lost (at least), and
    in how many gaps."""

    sent: int = 0
    lost: int = 0
    gaps: int = 0


async def counts(redis: Redis, output: str) -> Counts:
    """Those of the forwarders before."""
    known = await redis.hmget(keys.output(output), "sent", "lost", "gaps")
    return Counts(*(int(value or 0) for value in known))


async def say(redis: Redis, output: str, state: str, detail: str, **numbers: int) -> None:
    """`state` is `starting`, `running`, `away` (it does not answer) or `refused` (it does, and does not take all)."""
    now_s, _ = await redis.time()
    who = {"host": socket.gethostname(), "pid": os.getpid(), "at": now_s}
    pipeline = redis.pipeline(transaction=False)
    pipeline.hset(keys.output(output), mapping={"state": state, "detail": detail, **numbers, **who})
    pipeline.expire(keys.output(output), KEEP_S)
    await pipeline.execute()


async def outputs(redis: Redis, used: tuple[str, ...]) -> list[dict[str, Any]]:
    """What each output's forwarder said last."""
    now_s, _ = await redis.time()
    return [_row(name, await redis.hgetall(keys.output(name)), now_s) for name in used]


def _row(name: str, fields: dict[bytes, bytes], now_s: int) -> dict[str, Any]:
    known = {key.decode(): value.decode() for key, value in fields.items()}
    silent = now_s - int(known.get("at", 0)) > SILENT_S
    return {
        "output": name,
        "state": "stopped" if silent else known["state"],
        "detail": NOBODY if silent else known["detail"],
        **{number: int(known.get(number, 0)) for number in ("topics", "sent", "lag", "lost", "gaps")},
    }
