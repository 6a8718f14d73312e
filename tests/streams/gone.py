"""Stores that a test stops, kills and starts as it likes: a Redis and a PostgreSQL beside those of the run."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from channels.layers import channel_layers
from django.core.management import call_command
from django.db import connections

from config.services.held import end, postgres_in
from config.services.ports import any_free
from config.services.postgres import Postgres
from config.services.redis import Redis as RedisService
from tests.stores import open_folder

START_S = 30


class Store:
    """One store's process. Every change returns when it is complete."""

    def __init__(self, service: RedisService | Postgres) -> None:
        self.service = service
        self._child = service.child()
        self._process: subprocess.Popen[bytes] | None = None
        self._hung: list[int] = []

    def start(self) -> None:
        deadline_s = time.monotonic() + START_S
        self._child.log.parent.mkdir(parents=True, exist_ok=True)
        while not self.service.is_ready():
            assert time.monotonic() < deadline_s, self._child.log.read_text(errors="replace")[-1000:]
            if self._process is None or self._process.poll() is not None:  # one that was killed may still be ending
                with self._child.log.open("ab") as log:
                    self._process = subprocess.Popen(
                        self._child.argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **self._child.options()
                    )
            time.sleep(0.05)

    def kill(self) -> None:
        """kill -9, with all its own processes."""
        for pid in self._all():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def hang(self) -> None:
        """It keeps its connections, takes new ones, and answers nobody."""
        self._hung = self._all()
        for pid in self._hung:
            os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        hung, self._hung = self._hung, []
        for pid in hung:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def end(self) -> None:
        self.go_on()
        if self._process:
            end(self._process, self._child)

    def _all(self) -> list[int]:
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        return [pid, *map(int, children.read_text().split())] if children.exists() else [pid]


class RedisStore(Store):
    """A Redis."""

    def empty(self) -> None:
        """What it has kept is gone; only while it does not run."""
        for path in self.service.folder.iterdir():
            if "append" in path.name or path.suffix in {".aof", ".rdb"}:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture
def stoppable_redis(installation_folder: Path, settings: Any, clean_redis: Any) -> Iterator[RedisStore]:
    """The Redis of this test's streams; the rest of the installation keeps that of the run."""
    store = RedisStore(
        RedisService(installation_folder / "redis", any_free(), installation_folder / "logs" / "redis.log")
    )
    store.start()
    settings.REDIS_URL = store.service.url
    [host] = settings.CHANNEL_LAYERS["default"]["CONFIG"]["hosts"]
    hosts = [{**host, "address": store.service.url}]
    backend = settings.CHANNEL_LAYERS["default"]["BACKEND"]
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": hosts}}}
    channel_layers.backends.clear()
    try:
        yield store
    finally:
        channel_layers.backends.clear()
        store.end()


@pytest.fixture(scope="module")
def stoppable_postgres(django_db_setup: None, django_db_blocker: Any) -> Iterator[Store]:
    """The database of this module's tests; each leaves it running."""
    before = dict(connections.settings["default"])
    with open_folder() as folder, django_db_blocker.unblock():
        service = postgres_in(folder, any_free())
        store = Store(service)
        store.start()
        service.ensure_database("gone")
        _turn_to({"HOST": "127.0.0.1", "PORT": str(service.port), "NAME": "gone"} | _login(service))
        try:
            call_command("migrate", verbosity=0)
            yield store
        finally:
            store.end()
            _turn_to(before)


def _login(service: Postgres) -> dict[str, str]:
    parts = psycopg.conninfo.conninfo_to_dict(service.url("gone"))
    return {"USER": parts["user"], "PASSWORD": parts["password"]}


def _turn_to(described: dict[str, Any]) -> None:
    connection = connections["default"]
    connection.close()
    connection.close_pool()
    connections.settings["default"].update(described)
