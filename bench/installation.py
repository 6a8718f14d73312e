"""An installation for one benchmark: its own Redis and PostgreSQL, and the market BTC-USDT; removed afterwards."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from config import children
from config.env import ROOT, Environment
from config.services.held import held_postgres, held_redis
from config.services.ports import any_free
from tests.sandbox_server import running
from tests.stores import open_folder

READY_S = 30
TICKS_S = os.sysconf("SC_CLK_TCK")


class Server:
    """A web process that runs."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port = port
        self._stat = f"/proc/{process.pid}/stat"

    def cpu_s(self) -> float:
        """The processor time it has used."""
        with open(self._stat) as stat:
            user, system = stat.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / TICKS_S


@contextmanager
def redis_alone() -> Iterator[str]:
    """The URL of an empty Redis, configured as `up` configures it."""
    with open_folder() as folder, held_redis(folder) as redis:
        yield redis.url


@contextmanager
def installation() -> Iterator[dict[str, str]]:
    """The environment of its processes."""
    with open_folder() as folder, held_redis(folder) as redis, held_postgres(folder) as postgres:
        ours = {name.upper() for name in Environment.model_fields}
        outer = {name: value for name, value in os.environ.items() if name.upper() not in ours}
        environment = {
            **outer,
            "DATABASE_URL": postgres.url("postgres"),
            "REDIS_URL": redis.url,
            "VAR_DIR": str(folder),
            "ENV_FILE": os.devnull,
            "OPEN_READ": "true",
            "EXCHANGES": "binance",
            "LOG_LEVEL": "ERROR",
            "PYTHONPATH": str(ROOT),
        }
        with running("--symbols", "1", "--rate", "1") as sandbox:
            told = {**environment, "VENUES": "sandbox", "SANDBOX_URL": sandbox.url}
            for command in (("prepare",), ("sync", "binance")):
                _manage(*command, environment=told)
        yield environment


def _manage(*command: str, environment: dict[str, str]) -> None:
    argv = (sys.executable, str(ROOT / "manage.py"), *command)
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise SystemExit(f"manage.py {' '.join(command)}: {done.stderr[-2000:]}")


@contextmanager
def served(application: str, environment: dict[str, str]) -> Iterator[Server]:
    """The application behind the very command that `up` starts the web with, but quiet."""
    port = any_free()
    defaults = (Environment.model_fields[name].default for name in ("most_message_bytes", "trusted_proxies"))
    command = children.web("127.0.0.1", port, *defaults)
    words = [application if word == "config.asgi:application" else word for word in command]
    process = subprocess.Popen((sys.executable, *words, "--log-level", "warning"), env=environment, cwd=ROOT)
    try:
        _wait_ready(process, port)
        yield Server(port, process)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_ready(process: subprocess.Popen[bytes], port: int) -> None:
    deadline_s = time.monotonic() + READY_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            raise SystemExit("a server did not start; its words are above")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("a server did not answer in time")
