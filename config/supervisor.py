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
        self._stores: dict[str, Keeper] = {}
        self._others: dict[str, Keeper] = {}

    async def end_leftovers(self) -> None:
        """Ends processes of an earlier group whose supervisor was killed."""
        for name in await asyncio.to_thread(self._record.end_all):
            self._console.say(f"ended {name}, left behind by an earlier start")

    async def start(self, *children: Child, store: bool = False) -> None:
        """Starts children and keeps them alive. Stores are stopped after all others, which still write to them."""
        for child in children:
            keeper = Keeper(child, self._console, self._record.add)
            (self._stores if store else self._others)[child.name] = keeper
            await keeper.start()
            self._console.say(f"started {child.name}" + (f" ({child.note})" if child.note else ""))

    async def stop(self) -> None:
        """Stops all, in about the longest patience of a store plus the longest of the others."""
        for keepers in (self._others, self._stores):
            await asyncio.gather(*(keeper.stop() for keeper in keepers.values()))
        self._record.clear()

    def last_words(self, name: str) -> str:
        """What the named child wrote last."""
        return self._others[name].last_words() if name in self._others else ""
