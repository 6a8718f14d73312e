"""The stores of one installation: those the user named, and embedded ones for the rest."""

import asyncio
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from config.child import Child
from config.env import ROOT, Environment
from config.services.held import postgres_in
from config.services.missing import ServiceMissing
from config.services.ports import Ports
from config.services.postgres import Postgres
from config.services.redis import Redis

START_S = 60.0
MIGRATIONS = ("*/migrations/*.py", "poetry.lock")


@dataclass
class Stores:
    """Which stores `up` runs itself. A sandbox installation has a database and a Redis of its own."""

    env: Environment
    ports: Ports

    @property
    def embedded(self) -> bool:
        """Whether no store belongs to anybody else: only then may invented prices be written."""
        return not (self.env.database_url or self.env.redis_url or self.env.kafka_bootstrap_servers)

    def postgres(self) -> Postgres | None:
        """The embedded PostgreSQL; one cluster serves both installations."""
        return None if self.env.database_url else postgres_in(self.env.var_dir, self.ports.take("postgres"))

    def redis(self, sandbox: bool) -> Redis | None:
        if self.env.redis_url:
            return None
        name = "redis-sandbox" if sandbox else "redis"
        return Redis(self.env.var_dir / name, self.ports.take("redis"), self.env.var_dir / "logs" / f"{name}.log")


def database_name(sandbox: bool) -> str:
    return "marketdata_sandbox" if sandbox else "marketdata"


async def wait_ready(service: Postgres | Redis, child: Child) -> None:
    """Waits until the service answers. Raises ServiceMissing."""
    deadline_s = time.monotonic() + START_S
    while not await asyncio.to_thread(service.is_ready):
        if time.monotonic() > deadline_s:
            raise ServiceMissing(f"{child.name} did not start within {START_S:g} s: see {child.log}.")
        await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Prepared:
    """Whether an embedded database has all migrations of this version: a warm start then need not look."""

    postgres: Postgres
    name: str

    def is_done(self) -> bool:
        return self._file.exists() and self._file.read_text() == self._state()

    def done(self) -> None:
        self._file.write_text(self._state())

    def forget(self) -> None:
        self._file.unlink(missing_ok=True)

    @property
    def _file(self) -> Path:
        return self.postgres.keys.parent / f"prepared.{self.name}"

    def _state(self) -> str:
        # The cluster by the moment it was made, the version by what would be migrated.
        made = (self.postgres.data / "PG_VERSION").stat().st_mtime_ns
        version = hashlib.sha256()
        for path in sorted(path for pattern in MIGRATIONS for path in ROOT.glob(pattern)):
            version.update(path.name.encode() + path.read_bytes())
        return f"{made} {version.hexdigest()}"
