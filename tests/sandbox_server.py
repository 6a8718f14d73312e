"""The sandbox in a process of its own: fixtures `sandbox`, `busy`, `quiet`, `start_sandbox`."""

import json
import os
import re
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

ROOT = Path(__file__).resolve().parent.parent
READY_S, END_S = 20, 5


@dataclass(frozen=True)
class SandboxServer:
    """A running sandbox. `url` is `http://127.0.0.1:<port>`; an exchange's paths are below `at(<code>)`.

    `process` is None where another, such as `up`, has started it.
    """

    url: str
    process: subprocess.Popen[str] | None = None

    @classmethod
    def of_up(cls, folder: Path) -> "SandboxServer":
        """That of a running `up` with its data in `folder`."""
        return cls((folder / "up.env").read_text().partition("SANDBOX_URL='")[2].partition("'")[0])

    def at(self, exchange: str = "binance") -> str:
        return f"{self.url}/{exchange}"

    def ws(self, exchange: str = "binance") -> str:
        return f"ws{self.url.removeprefix('http')}/{exchange}"

    def get(self, path: str) -> Any:
        """The JSON answer to a GET of `path` (with the exchange's code); HTTPError for any status but 200."""
        with urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def fault(self, fault: str, **given: Any) -> Any:
        """Switches a fault on: the same fields as `POST /faults`."""
        body = json.dumps({"fault": fault, **given}).encode()
        with urlopen(Request(f"{self.url}/faults", body), timeout=10) as answer:
            return json.load(answer)

    def faults(self) -> Any:
        return self.get("/faults")

    def clear(self, number: int | None = None) -> None:
        """Switches all faults off, or one by its id."""
        one = "" if number is None else f"/{number}"
        urlopen(Request(f"{self.url}/faults{one}", method="DELETE"), timeout=10).close()


@contextmanager
def running(*options: str) -> Iterator[SandboxServer]:
    """A sandbox on a free port, from its ready line on; ended with the block."""
    command = [sys.executable, "-m", "sandbox", "--port", "0", *options]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield SandboxServer(_ready_url(process), process)
        finally:
            process.terminate()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _ready_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(READY_S) else ""
    found = re.match(r"ready: (\S+)", line)
    assert found, f"the sandbox did not get ready: {line!r}"
    return found[1]


@pytest.fixture(scope="module")
def busy() -> Iterator[SandboxServer]:
    """One for a module's tests, with a hundred trades a second in each market. Leave no fault switched on."""
    with running("--seed", "7", "--rate", "4000", "--symbols", "20") as server:
        yield server


@pytest.fixture(scope="module")
def quiet_server() -> Iterator[SandboxServer]:
    with running("--seed", "5", "--rate", "8", "--symbols", "2") as server:
        yield server


@pytest.fixture
def quiet(quiet_server: SandboxServer) -> Iterator[SandboxServer]:
    """One for a module's tests, with few changes a second: two readers can look at the same state."""
    yield quiet_server
    quiet_server.clear()


StartSandbox = Callable[..., SandboxServer]


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxServer]:
    """One sandbox for the whole run: seed 7, 20 markets, 400 events/s. Leave no fault switched on."""
    with running("--seed", "7", "--rate", "400", "--symbols", "20") as server:
        yield server


@pytest.fixture
def start_sandbox() -> Iterator[StartSandbox]:
    """Starts sandboxes of the test's own: start_sandbox(seed=1, rate=200, symbols=2); they end with the test."""
    with ExitStack() as stack:

        def start(**options: int) -> SandboxServer:
            words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
            return stack.enter_context(running(*words))

        yield start
