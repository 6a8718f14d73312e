"""Ports on loopback: remembered from start to start, never one that is taken."""

import errno
import json
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether nobody listens on the port (0 is always free)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Ports of connections that have just ended count as free, as they do for the servers.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
        return True


def any_free() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def reserved(port: int, host: str = LOOPBACK) -> socket.socket | None:
    """What keeps others that choose a port by these rules from this one until it is closed; None where it is theirs.

    A port is chosen moments before somebody listens on it. Its namesake of UDP belongs to one process at a time, and
    is free again at once when that ends, however it ends.
    """
    claim = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        claim.bind((host, port))
    except OSError as error:
        claim.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    return claim


class Ports:
    """The ports of one installation, kept in a file of `{name: port}`, and kept from others for as long as this is."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._claims: dict[int, socket.socket] = {}
        try:
            self._ports: dict[str, int] = json.loads(file.read_text())
        except (FileNotFoundError, ValueError):
            self._ports = {}

    def take(self, name: str, first_choice: int = 0, host: str = LOOPBACK) -> int:
        """The remembered port, else the first choice or the nine after it, else any; the answer is remembered."""
        choices = [self._ports.get(name, 0), *(range(first_choice, first_choice + 10) if first_choice else ())]
        others = {port for other, port in self._ports.items() if other != name}
        ours = (port for port in choices if port and port not in others and self._claim(port, host))
        port = self._ports[name] = next(ours, None) or self._any(host)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self._ports))
        return port

    def _any(self, host: str) -> int:
        while not self._claim(port := any_free(), host):
            pass
        return port

    def _claim(self, port: int, host: str) -> bool:
        if not is_free(port, host):
            return False
        if port not in self._claims and (claim := reserved(port, host)):
            self._claims[port] = claim
        return port in self._claims
