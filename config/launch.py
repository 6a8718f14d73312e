"""The start of the whole platform: stores, venues, preparation, processes, and the words about them."""

import asyncio
import ipaddress
import signal
import sys
import time
from contextlib import suppress

from config import children
from config.child import Child
from config.console import BOLD, GREEN, RED, YELLOW, Console
from config.env import FIRST_PORT, ROOT, Environment, web_url
from config.folder import AlreadyRunning, Folder
from config.health import answers
from config.keys import write_private
from config.services.missing import ServiceMissing
from config.services.ports import Ports, is_free
from config.services.postgres import Postgres
from config.stores import Prepared, Stores, database_name, wait_ready
from config.supervisor import Supervisor
from config.venues import any_reachable
from exchanges.registry import cards

START_S = 90.0
LATE = (("jobs", children.jobs), ("beat", children.beat), ("outputs", children.outputs))


class CannotStart(Exception):
    """One sentence: why, and what would do."""


class Launch:
    """One run of `up` in its folder."""

    def __init__(self, env: Environment, venues: str, console: Console) -> None:
        self._env, self._venues, self._say = env, venues, console.say
        self._folder = Folder(env.var_dir)
        self._supervisor = Supervisor(console, env.var_dir / "processes.json")
        self._ports = Ports(env.var_dir / "ports.json")
        self._stores = Stores(env, self._ports)
        # What the processes are told beyond the user's own settings.
        self._told: dict[str, str] = {"VAR_DIR": str(env.var_dir), "HOST": env.host}

    async def run(self) -> int:
        """Brings everything up and keeps it so until a signal; the exit code."""
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        up = asyncio.create_task(self._bring_up())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({up, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not stop.is_set():
                await up
                await stopped
            return 0
        finally:
            up.cancel()
            with suppress(asyncio.CancelledError, ServiceMissing, CannotStart):
                await up
            await self._stop()

    async def _stop(self) -> None:
        self._say("stopping")
        began_s = time.monotonic()
        await self._supervisor.stop()
        (self._env.var_dir / "up.env").unlink(missing_ok=True)
        self._say(f"stopped in {time.monotonic() - began_s:.1f} s")

    async def _bring_up(self) -> None:
        await self._supervisor.end_leftovers()
        port = self._web_port()
        self._told["PORT"] = str(port)
        venues = asyncio.create_task(self._choose_venues())
        try:
            prepared = await self._start_other_stores(postgres=await self._start_database(), sandbox=await venues)
        finally:
            venues.cancel()
        password = None if prepared and prepared.is_done() else await self._prepare()
        if prepared and password is not None:
            prepared.done()
        self._tell_processes()
        env, slots = self._env, self._env.slots
        web = children.web(env.host, port, env.most_message_bytes, env.trusted_proxies)
        soon = [
            self._ours("web", web, f"{env.host}:{port}"),
            self._ours("streams", children.streams(slots), f"{slots} slots"),
        ]
        late = [self._ours(name, made()) for name, made in LATE]
        # On a small machine the late ones would take the cores from those that bring the first event; but a first start
        # has no event before the jobs have learned which markets there are.
        await self._supervisor.start(*soon, *(late if password else ()))
        await self._wait_for_web(port)
        await self._supervisor.start(*(() if password else late))
        self._announce(port, password)

    def _web_port(self) -> int:
        if self._env.port is None:
            return self._ports.take("web", FIRST_PORT, self._env.host)
        if not is_free(self._env.port, self._env.host):
            raise CannotStart(f"PORT {self._env.port} is taken on {self._env.host}: free it, or leave PORT unset.")
        return self._env.port

    async def _choose_venues(self) -> bool:
        """Whether to run on the sandbox."""
        if self._venues != "auto":
            return self._venues == "sandbox"
        wanted = self._env.exchanges or tuple(cards())
        urls = [card.rest_url for code, card in cards().items() if code in wanted]
        if await asyncio.to_thread(any_reachable, urls):
            return False
        if not self._stores.embedded:
            self._say("No exchange can be reached; with stores of your own this stays live, and tries again.", YELLOW)
            return False
        self._say(
            "No exchange can be reached from here, so this runs on the sandbox: its prices are invented, "
            "and kept apart from real ones.",
            YELLOW,
        )
        return True

    async def _start_database(self) -> Postgres | None:
        postgres = self._stores.postgres()
        if postgres:
            child = await asyncio.to_thread(postgres.child)
            await self._supervisor.start(child, store=True)
            await wait_ready(postgres, child)
        return postgres

    async def _start_other_stores(self, sandbox: bool, postgres: Postgres | None) -> Prepared | None:
        self._told["VENUES"] = "sandbox" if sandbox else "live"
        if sandbox:
            await self._start_sandbox()
        if redis := self._stores.redis(sandbox):
            child = redis.child()
            await self._supervisor.start(child, store=True)
            await wait_ready(redis, child)
            self._told["REDIS_URL"] = redis.url
        if not postgres:
            return None
        name = database_name(sandbox)
        fresh = await asyncio.to_thread(postgres.ensure_database, name)
        self._told["DATABASE_URL"] = postgres.url(name)
        prepared = Prepared(postgres, name)
        if fresh:
            prepared.forget()
        return prepared

    async def _start_sandbox(self) -> None:
        port = self._ports.take("sandbox", 8100)
        self._told["SANDBOX_URL"] = url = f"http://127.0.0.1:{port}"
        await self._supervisor.start(
            children.child("sandbox", children.sandbox(port, self._env.sandbox_rate), self._told, url)
        )

    async def _prepare(self) -> str:
        """Migrations, the first user, the first pins, in one process; the new user's password, or empty."""
        self._say("preparing the database")
        child = children.child("prepare", (str(ROOT / "manage.py"), "prepare"), self._told)
        process = await asyncio.create_subprocess_exec(
            *child.argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, **child.options()
        )
        try:
            out, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode != 0:
            self._say(errors.decode(errors="replace").rstrip())
            raise CannotStart("The database could not be prepared, for the reason above.")
        return out.decode().strip()

    def _tell_processes(self) -> None:
        """Settles what the processes are told, and writes it down for other commands in this folder."""
        loopback = self._env.host == "localhost" or ipaddress.ip_address(self._env.host).is_loopback
        if self._env.open_read is None and loopback:
            self._told["OPEN_READ"] = "true"
        write_private(self._env.var_dir / "up.env", "".join(f"{n}='{v}'\n" for n, v in self._told.items()))

    def _ours(self, name: str, arguments: tuple[str, ...], note: str = "") -> Child:
        return children.child(name, arguments, self._told, note)

    async def _wait_for_web(self, port: int) -> None:
        deadline_s = time.monotonic() + START_S
        while not await answers(self._env.host, port, "/health/live", self._env.allowed_hosts):
            if time.monotonic() > deadline_s:
                raise CannotStart(f"The web did not answer in {START_S:g} s: {self._supervisor.last_words('web')}")
            await asyncio.sleep(0.1)

    def _announce(self, port: int, password: str | None) -> None:
        url = web_url(self._env.host, port)
        self._folder.describe(url)
        self._say(f"ready: {url}", GREEN)
        if password:
            self._say(f"admin password: {password}", BOLD)
        if self._told.get("OPEN_READ") or self._env.open_read:
            self._say(f"try: curl {url}/api/v1/exchanges/")
        else:
            self._say(f"try: curl -d username=admin -d password=... {url}/api/v1/token/")


def up(env: Environment, venues: str) -> int:
    """Runs the platform in the foreground; 0 after a signal, 1 where it could not start."""
    console = Console()
    try:
        return asyncio.run(Launch(env, venues, console).run())
    except (AlreadyRunning, ServiceMissing, CannotStart) as error:
        Console(sys.stderr).say(str(error), RED)
        return 1
    except OSError as error:
        Console(sys.stderr).say(f"The platform cannot start: {error}", RED)
        return 1
