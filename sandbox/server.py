"""The server: one process, one port, every exchange that has a sandbox side."""

import asyncio
import importlib
import pkgutil
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

import uvicorn

import exchanges
from exchanges.invented import Exchange, Invented
from sandbox.app import Application
from sandbox.market import Market
from sandbox.wire import Wire


@dataclass(frozen=True)
class Options:
    """What `manage.py sandbox` takes."""

    host: str = "127.0.0.1"
    port: int = 8100
    seed: int = 1
    rate: float = 200.0
    symbols: int = 20
    lifetime_s: float | None = None  # of connections; None is the exchange's own


def served(market: Invented) -> dict[str, Exchange]:
    """Every exchange with an `exchanges/<name>/sandbox.py`, by code, over the one market."""
    folders = sorted(module.name for module in pkgutil.iter_modules(exchanges.__path__) if module.ispkg)
    names = [folder for folder in folders if find_spec(f"exchanges.{folder}.sandbox")]
    return {name: importlib.import_module(f"exchanges.{name}.sandbox").Sandbox(market) for name in names}


def bound(host: str, port: int) -> socket.socket:
    """The listening socket; OSError where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def serve(options: Options, listener: socket.socket) -> None:
    """Serves until a signal ends it. Prints one line when it is ready."""
    market = Market(options.seed, options.rate, options.symbols)
    about = f"seed {options.seed}, {options.rate:g} events/s, {options.symbols} symbols"
    application = Application(market, served(market), about, options.lifetime_s)
    line = ready_line(listener, application, about)
    Server(configured(application), application, lambda: print(line, flush=True)).run(sockets=[listener])


def configured(application: Application) -> uvicorn.Config:
    """uvicorn's settings for the application."""
    return uvicorn.Config(
        application,
        ws=Wire,
        loop="uvloop" if find_spec("uvloop") else "asyncio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )


def ready_line(listener: socket.socket, application: Application, about: str) -> str:
    host, port = listener.getsockname()[:2]
    at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    urls = " ".join(f"http://{at}/{code} ws://{at}/{code}" for code in application.exchanges)
    return f"ready: http://{at} ({about}) {urls}"


class Server(uvicorn.Server):
    """uvicorn with the pump beside it. A signal ends it in order, with exit code 0."""

    def __init__(self, config: uvicorn.Config, application: Application, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._application = application
        self._ready = ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        previous = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        loops = (self._application.pump.run(), self._application.housekeeping(), self._application.warm_up())
        self._loops = [asyncio.ensure_future(loop) for loop in loops]
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._application.farewell()
        for loop in self._loops:
            loop.cancel()
        await super().shutdown(sockets)
