"""Which processes a supervisor has started, in a file, so that they are found after it was killed."""

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

PATIENCE_S = 3.0


class Record:
    """`{name: [process id, identity]}` in a file; an identity tells a process from a later one of the same number."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._processes: dict[str, tuple[int, str]] = {}

    def add(self, name: str, pid: int) -> None:
        self._processes[name] = (pid, identity(pid))
        self._write()

    def clear(self) -> None:
        self._file.unlink(missing_ok=True)

    def read(self) -> dict[str, tuple[int, str]]:
        """What the file says; nothing where there is none."""
        try:
            return {name: (pid, known) for name, (pid, known) in json.loads(self._file.read_text()).items()}
        except (FileNotFoundError, ValueError):
            return {}

    def end_all(self) -> list[str]:
        """Ends the recorded processes that still live, with their groups; their names."""
        recorded = self.read()
        alive = {name: pid for name, (pid, known) in recorded.items() if known and identity(pid) == known}
        for pid in alive.values():
            _signal_group(pid, signal.SIGTERM)
        deadline_s = time.monotonic() + PATIENCE_S
        while any(identity(pid) for pid in alive.values()) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        for name, pid in alive.items():
            if identity(pid) == recorded[name][1]:
                _signal_group(pid, signal.SIGKILL)
        self.clear()
        return list(alive)

    def _write(self) -> None:
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(self._processes))
        draft.replace(self._file)


def identity(pid: int) -> str:
    """When the process was started, as the system says it; empty where there is none (or a dead one not yet reaped)."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return "" if state == "Z" else f"{boot} {fields[18]}"
    except FileNotFoundError:
        pass
    except (ProcessLookupError, PermissionError):
        return ""
    if Path("/proc/self").exists():
        return ""
    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
