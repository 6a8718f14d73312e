"""One child process kept alive: started, watched, started again, stopped."""

import asyncio
import os
import re
import signal
import time
from asyncio.subprocess import DEVNULL, Process
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from config.child import Child
from config.console import RED, YELLOW, Console

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
# A child that lived this long is healthy: its next end starts from the first delay again.
HEALTHY_S = 60.0
# Two files of this at most; a store writes little.
LOG_BYTES_MAX = 10_000_000
RECORD = re.compile(r"\d{4}-\d\d-\d\dT")


class Keeper:
    """Keeps one child alive until `stop`. `started` is called with each new process's id."""

    def __init__(self, child: Child, console: Console, started: Callable[[str, int], None]) -> None:
        self.child = child
        self._console = console
        self._started = started
        self._process: Process | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._tail: deque[str] = deque(maxlen=8)

    async def start(self) -> None:
        """The first start; OSError where the program cannot be run."""
        await self._spawn()
        self._task = asyncio.create_task(self._keep(), name=self.child.name)

    async def stop(self) -> None:
        """Asks as the child wants to be asked, then kills what is left of its process group."""
        self._stopping.set()
        if self._task is None:
            return
        for number, patience_s in self.child.stop:
            self._send(number)
            await asyncio.wait({self._task}, timeout=patience_s)
            if self._task.done():
                break
        self._kill_group()
        await asyncio.wait({self._task}, timeout=1)

    def last_words(self) -> str:
        """The last line it wrote that says something."""
        lines = self._tail if self.child.log is None else _last_lines(self.child.log)
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    async def _keep(self) -> None:
        delay_s = FIRST_DELAY_S
        while True:
            began_s = time.monotonic()
            code = await self._ended()
            if self._stopping.is_set():
                return
            delay_s = FIRST_DELAY_S if time.monotonic() - began_s > HEALTHY_S else delay_s
            self._console.say(f"{self.child.name} ended ({self._reason(code)}); again in {delay_s:g} s", RED)
            if await self._stopped_within(delay_s):
                return
            await self._again()
            if self._stopping.is_set():
                self._kill_group()
            delay_s = min(2 * delay_s, LONGEST_DELAY_S)

    async def _again(self) -> None:
        try:
            await self._spawn()
        except OSError as error:
            self._console.say(f"{self.child.name} cannot be started: {error}", RED)
            return
        self._console.say(f"{self.child.name} started again (process {self._process.pid})", YELLOW)

    async def _stopped_within(self, delay_s: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), delay_s)
        return self._stopping.is_set()

    async def _spawn(self) -> None:
        self._tail.clear()
        self._process = None
        if self.child.log is not None:
            _make_room(self.child.log)
            with self.child.log.open("ab") as log:
                self._process = await _run(self.child, log.fileno())
        else:
            # A pipe of our own: asyncio's would also wait for grandchildren that keep it open.
            read, write = os.pipe()
            try:
                self._process = await _run(self.child, write)
            finally:
                os.close(write)
                self._reader = asyncio.create_task(self._pass_on(read))
        self._started(self.child.name, self._process.pid)

    async def _ended(self) -> int | None:
        """Waits for the process's end, then ends what it left behind; its exit code."""
        if self._process is None:
            return None
        code = await self._process.wait()
        self._kill_group()
        # Its number may soon be another's.
        self._process = None
        if self.child.log is None:
            await asyncio.wait({self._reader}, timeout=0.5)
        return code

    async def _pass_on(self, read: int) -> None:
        reader = asyncio.StreamReader(limit=1 << 20)
        pipe = os.fdopen(read, "rb", 0)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        rest = b""
        while piece := await reader.read(1 << 16):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                self._show(line)
        if rest:
            self._show(rest)

    def _show(self, raw: bytes) -> None:
        line = raw.decode(errors="replace").rstrip()
        self._tail.append(line)
        # What programs say of their own accord at their end ("Hitting Ctrl+C again ...") is not meant for our user.
        if line and not (self._stopping.is_set() and not RECORD.match(line)):
            # A log record names its process itself; anything else gets the name, lest it be taken for `up`'s own words.
            self._console.say(line if RECORD.match(line) else f"{self.child.name}: {line}")

    def _reason(self, code: int | None) -> str:
        how = f"killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        words = self.last_words()
        return f"{how}: {words[:300]}" if words and (code is None or code >= 0) else how

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _kill_group(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


async def _run(child: Child, output: int) -> Process:
    return await asyncio.create_subprocess_exec(
        *child.argv, stdin=DEVNULL, stdout=output, stderr=output, **child.options()
    )


def _make_room(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".log.1"))


def _last_lines(log: Path) -> list[str]:
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 2000))
        return file.read().decode(errors="replace").splitlines()
