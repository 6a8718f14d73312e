"""All replays that one process plays: taken under their leases, told of in the database, ended or left to others."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from channels.layers import get_channel_layer
from django.conf import settings
from redis.asyncio import Redis
from redis.exceptions import RedisError

from exchanges import registry
from exchanges.contract import Card
from exchanges.events import Candle
from recordings.models import Replay
from recordings.replay import clock, live, table
from recordings.replay.player import Player
from recordings.replay.script import Progress
from streams import history, keys, lease, replays
from streams.connection import redis
from streams.database import DatabaseAway, database
from streams.ending import ended

log = logging.getLogger(__name__)

LOOK_S = 0.5
MOST = 4  # replays that one process plays; others wait for another, or for one of them to end
SHARES = 8  # a replay's histories take so small a part of the memory for all
LEFT = "its process was stopped, another goes on with it"


@dataclass
class Stage:
    """`run` returns when there is nothing (more) to play here."""

    redis: Redis
    layer: Any
    cards: Mapping[str, Card]
    name: str
    history_events: int
    history_bytes: int
    closed_candle: Callable[[str, Candle], None]
    _players: dict[str, Player] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[Progress]] = field(default_factory=dict)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """What is played goes on elsewhere."""
        self._stopping.set()

    async def run(self) -> None:
        try:
            while not self._stopping.is_set():
                await self._turn()
                if not self._tasks:
                    return
                try:
                    async with asyncio.timeout(LOOK_S):
                        await self._stopping.wait()
                except TimeoutError:
                    pass
            for player in self._players.values():
                player.stop("waiting", LEFT, left=True)
            await asyncio.wait(self._tasks.values())
            await self._look_after()
        finally:
            await ended(self._tasks.values())

    async def play(self, row: Replay) -> Player | None:
        """Begins it here; None where another process has it, or it cannot be played any more."""
        taken = await lease.take(self.redis, keys.lease("replay", row.id), self.name)
        if taken is None:
            return None
        if row.original and row.started_time is None and await self._runs_live(row):
            await lease.release(self.redis, taken)
            return None
        known = await history.kept(self.redis, list(row.topics)) if row.original else []
        await database.ask(table.begun, row, max((kept.position.epoch for kept in known), default=0))
        player = Player(
            table.script(row), self.redis, self.layer, self.cards, taken, self.name,
            self.history_events, self.history_bytes // SHARES,
            self.closed_candle if row.candles else lambda exchange, candle: None,
        )  # fmt: skip
        self._players[row.id], self._tasks[row.id] = player, asyncio.create_task(player.run())
        return player

    async def _runs_live(self, row: Replay) -> bool:
        """Whether its topics began to run live while it waited: those it leaves alone."""
        running = sorted(await live.carried(self.redis, frozenset(row.topics)))
        if running:
            detail = f"{running[0]} runs live now, one of {len(running)} of its topics that do"
            await database.ask(table.ended, row.id, Progress("failed", detail))
            await replays.hide(self.redis, row.id)
        return bool(running)

    async def perform(self, row: Replay, told: Callable[[Progress], None]) -> Progress | None:
        """Plays this one alone, telling each half second how far it is; None as from `play`."""
        player = await self.play(row)
        if player is None:
            return None
        task = self._tasks[row.id]
        try:
            while not task.done():
                told(player.progress())
                await asyncio.wait({task}, timeout=LOOK_S)
                await self._noted()
        except asyncio.CancelledError:
            player.stop("stopped", "its command was stopped")
            await asyncio.wait({task})
            raise
        finally:
            await self._noted()
        return task.result()

    async def _noted(self) -> None:
        try:
            await self._look_after()
        except DatabaseAway as error:
            log.warning("what is played goes on, and is not told of in the database: %s", error)

    async def _turn(self) -> None:
        try:
            await self._look_after()
            for row in await database.ask(table.active):
                if row.id not in self._players and len(self._players) < MOST and await self.play(row):
                    log.info("replay %s is played here", row.id)
        except (RedisError, OSError, DatabaseAway) as error:
            log.warning("what is played goes on, no more is known: %s", error)

    async def _look_after(self) -> None:
        """Tells of each how far it is, and each what somebody wants of it now."""
        for replay, player in list(self._players.items()):
            task = self._tasks[replay]
            if not task.done():
                self._want(player, await database.ask(table.report, replay, player.progress()))
                continue
            last = task.result()
            if player.left and last.state == "waiting":
                await database.ask(table.report, replay, last)
            elif not player.left:
                log.info("replay %s is over: %s", replay, last.detail or last.state)
                await database.ask(table.ended, replay, last)
            del self._players[replay], self._tasks[replay]

    def _want(self, player: Player, row: Replay | None) -> None:
        if row is None:
            player.stop("stopped", "somebody stopped it")
        else:
            player.wish(clock.speed(row.speed), row.paused)


def new_stage(closed_candle: Callable[[str, Candle], None]) -> Stage:
    """This process's, of this installation."""
    name = f"{socket.gethostname()}:{os.getpid()}:{time.time_ns() % 1_000_000}"
    history_bytes = settings.HISTORY_MB * 2**20
    cards = registry.cards()
    return Stage(redis(), get_channel_layer(), cards, name, settings.HISTORY_EVENTS, history_bytes, closed_candle)
