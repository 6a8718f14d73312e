"""The platform's own processes: what each runs, as `up` and the containers start them."""

import signal
import sys
from collections.abc import Mapping, Sequence

from config.child import Child
from config.env import ROOT

CELERY = ("-m", "celery", "--quiet", "--app", "config.celery:app")
# Chatter between workers that nothing here reads; waiting for its first round costs a second at the start.
QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")


def web(host: str, port: int, most_message_bytes: int, trusted_proxies: Sequence[str]) -> tuple[str, ...]:
    """Python's arguments for the web: the server and options that docs/architecture.md gives the measurements of."""
    server = ("-m", "uvicorn", "config.asgi:application", "--host", host, "--port", str(port))
    sockets = ("--ws", "streams.websocket:Protocol", "--loop", "uvloop", "--http", "httptools")
    # A ping may take longer than the rule for clients that do not read (30 s): that rule closes them, with its reason.
    pings = ("--ws-ping-interval", "20", "--ws-ping-timeout", "60", "--ws-max-size", str(most_message_bytes))
    text = ("--ws-per-message-deflate", "false", "--no-access-log", "--no-server-header")
    proxies = ("--forwarded-allow-ips", ",".join(trusted_proxies))
    return (*server, *sockets, *pings, *proxies, *text, "--lifespan", "off", "--timeout-graceful-shutdown", "3")


def streams(slots: int) -> tuple[str, ...]:
    """Python's arguments for the worker that holds the exchanges' sockets: one process per slot."""
    return (*CELERY, "worker", "-Q", "streams", "-c", str(slots), "-n", "streams@%h", "-P", "prefork", *QUIET)


def jobs() -> tuple[str, ...]:
    """Python's arguments for the worker of everything that ends: metadata, candles, backfills, exports."""
    return (*CELERY, "worker", "-Q", "jobs", "-c", "2", "-n", "jobs@%h", "-P", "prefork", *QUIET)


def outputs() -> tuple[str, ...]:
    """Python's arguments for the worker of what goes out and is kept: a slot for the recorder, one for the forwarder,
    and two for replays, which take no more (recordings/replay/seats.py)."""
    return (*CELERY, "worker", "-Q", "recorder,kafka,replays", "-c", "4", "-n", "outputs@%h", "-P", "prefork", *QUIET)


def beat() -> tuple[str, ...]:
    """Python's arguments for the one clock."""
    return (*CELERY, "beat", "--pidfile=")


def sandbox(port: int, rate: int) -> tuple[str, ...]:
    """Python's arguments for the invented exchanges, with `rate` events a second."""
    return (str(ROOT / "manage.py"), "sandbox", "--port", str(port), "--rate", str(rate))


def child(name: str, arguments: tuple[str, ...], env: Mapping[str, str], note: str = "") -> Child:
    """A process of ours, run from the clone, that names itself in its log records."""
    stop = STOPS.get(name, ((signal.SIGTERM, 4.5),))
    # Bytecode is written whatever the user's shell says: a start without it takes twice as long.
    python = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "", "PYTHONPATH": str(ROOT)}
    own = {"ROLE": name, "DJANGO_SETTINGS_MODULE": "config.settings", **python}
    return Child(name, (sys.executable, *arguments), note, {**env, **own}, stop=stop, folder=ROOT)


STOPS = {
    # Its loops hand over what they carry to others, where there are any, and give their leases back.
    "streams": ((signal.SIGTERM, 3.5), (signal.SIGQUIT, 1.0)),
    # The recorder closes its files; a forwarder hears of what it has sent.
    "outputs": ((signal.SIGTERM, 3.5), (signal.SIGQUIT, 1.0)),
    # What ends soon may end; a longer task is begun again by its clock.
    "jobs": ((signal.SIGTERM, 2.5), (signal.SIGQUIT, 2.0)),
}
