"""A child process: how it is started, so that it cannot outlive its parent, and how it is asked to stop."""

import ctypes
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
# Loaded here: after a fork, in the child, nothing may be loaded any more.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(signal_number: int = signal.SIGKILL) -> None:
    """Asks Linux to send this process the signal when its parent ends, also by kill -9. Elsewhere it does nothing."""
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, int(signal_number))


@dataclass(frozen=True)
class Child:
    """One program of the supervised group.

    `stop` is the signals it is asked with, each with the seconds it is given; SIGKILL to its whole process group is
    always the last. `log` is the file its output goes to; None: it is read by the supervisor. `note` says to people
    what it is and where.
    """

    name: str
    argv: tuple[str, ...]
    note: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    user: int | None = None
    group: int | None = None
    log: Path | None = None
    folder: Path = Path("/")
    stop: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 5.0),)
    orphaned: signal.Signals = signal.SIGKILL

    def options(self) -> dict[str, Any]:
        """Keyword arguments for Popen and for asyncio's create_subprocess_exec alike."""
        # A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which then stops all in order.
        options: dict[str, Any] = {"start_new_session": True, "env": {**os.environ, **self.env}, "cwd": self.folder}
        if _LIBC is not None:
            options["preexec_fn"] = partial(self._before_exec, os.getpid())
        if self.user is not None:
            options |= {"user": self.user, "group": self.group, "extra_groups": []}
        return options

    def _before_exec(self, parent: int) -> None:
        die_with_parent(self.orphaned)
        if os.getppid() != parent:  # it ended before it could be asked for: no signal will come
            os._exit(1)
