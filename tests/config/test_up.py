"""`manage.py up`, whole and on real processes."""

import os
import queue
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from config.env import ROOT, Environment
from config.record import Record, identity

START_S = 90
STOP_S = 10


class Up:
    """A running `up` and the lines it has written."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        own = {name.upper() for name in Environment.model_fields}
        env = {name: value for name, value in os.environ.items() if name not in own}
        env |= {"VAR_DIR": str(folder), "ENV_FILE": os.devnull, "STREAM_SLOTS": "1", **variables}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", *arguments],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._new: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._new.put(line.rstrip("\n"))
        self._new.put(None)

    def line(self, pattern: str, timeout_s: float = START_S) -> re.Match[str]:
        """Waits for a line that the pattern matches."""
        deadline_s = time.monotonic() + timeout_s
        while (line := self._new.get(timeout=max(0, deadline_s - time.monotonic()))) is not None:
            self.lines.append(line)
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"ended without {pattern!r}: " + "\n".join(self.lines))

    def said(self) -> list[str]:
        """All lines so far."""
        while not self._new.empty():
            self.lines.append(self._new.get() or "")
        return self.lines

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(STOP_S)


def until_answered(url: str) -> None:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        try:
            with urlopen(url, timeout=5) as answer:
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{url} did not answer")


@pytest.fixture
def up(installation_folder: Path) -> Iterator[Up]:
    running = Up(installation_folder, "--venues", "sandbox")
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait()


def test_it_comes_up_heals_itself_refuses_a_second_one_and_leaves_nothing(up: Up, installation_folder: Path):
    url = up.line(r"^ready: (http://127\.0\.0\.1:\d+)$")[1]
    assert up.line(r"^admin password: (\S+)$")[1] == (installation_folder / "keys" / "admin").read_text()
    with urlopen(up.line(r"^try: curl (\S+)$")[1]) as answer:
        assert answer.status == 200

    second = Up(installation_folder)
    assert second.line("already runs in this folder")
    assert second.process.wait(STOP_S) == 1

    processes = Record(installation_folder / "processes.json").read()
    assert set(processes) == {"postgres", "redis", "sandbox", "web", "streams", "jobs", "outputs", "beat"}
    for name in ("redis", "web"):
        os.kill(processes[name][0], signal.SIGKILL)
        up.line(rf"^{name} ended \(killed by SIGKILL\)")
        up.line(rf"^{name} started again")
    until_answered(url + "/health/live")

    processes = Record(installation_folder / "processes.json").read()
    assert up.end() == 0
    assert [name for name, (pid, _) in processes.items() if identity(pid)] == []
    assert not (installation_folder / "up.env").exists()


def test_killed_itself_it_takes_all_with_it_and_starts_again(up: Up, installation_folder: Path):
    up.line("^started streams")
    processes = Record(installation_folder / "processes.json").read()
    up.process.kill()
    up.process.wait()
    deadline_s = time.monotonic() + STOP_S
    while any(identity(pid) for pid, _ in processes.values()):
        assert time.monotonic() < deadline_s, "a process outlived its supervisor"
        time.sleep(0.02)
    again = Up(installation_folder, "--venues", "sandbox")
    try:
        again.line("^ready: ")
    finally:
        assert again.end(signal.SIGINT) == 0


def test_its_secrets_are_for_their_owner_alone(up: Up, installation_folder: Path):
    up.line("^started web")
    private = [installation_folder / "up.env", *(installation_folder / "keys").iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    assert stat.S_IMODE((installation_folder / "keys").stat().st_mode) == 0o700


def test_a_port_that_was_asked_for_and_is_taken_stops_the_start(installation_folder: Path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        up = Up(installation_folder, PORT=str(server.getsockname()[1]))
        assert up.line(r"PORT \d+ is taken")
        assert up.process.wait(STOP_S) == 1
