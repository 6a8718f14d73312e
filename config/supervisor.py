"""The supervised group: children started in order, kept alive, stopped in reverse; none is left behind."""

import asyncio
from pathlib import Path

from config.child import Child
from config.console import Console
from config.keeper import Keeper
from config.record import Record


class Supervisor:
    """Children by name. `record_file` remembers their processes, so that the next start can end what a kill left."""

    def __init__(self, console: Console, record_file: Path) -> None:
        self._console = console
        self._record = Record(record_file)
        self._stages: list[list[Keeper]] = []

    async def end_leftovers(self) -> None:
        """Ends processes of an earlier group whose supervisor was killed."""
        for name in await asyncio.to_thread(self._record.end_all):
            self._console.say(f"ended {name}, left behind by an earlier start")

    async def start(self, *children: Child) -> None:
        """Starts one stage; its children are stopped together, after those of every later stage."""
        stage: list[Keeper] = []
        self._stages.append(stage)
        for child in children:
            keeper = Keeper(child, self._console, self._record.add)
            stage.append(keeper)
            await keeper.start()
            self._console.say(f"started {child.name}" + (f" ({child.note})" if child.note else ""))

    async def stop(self) -> None:
        """Stops all; within the sum of the stages' longest patience."""
        while self._stages:
            await asyncio.gather(*(keeper.stop() for keeper in self._stages.pop()))
        self._record.clear()

    def last_words(self, name: str) -> str:
        """What the named child wrote last."""
        return next((k.last_words() for stage in self._stages for k in stage if k.child.name == name), "")
