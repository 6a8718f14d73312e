"""Whether the real exchanges can be reached from here."""

import queue
import threading
import time
from collections.abc import Sequence
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import Request, urlopen

PROBE_S = 2.0
# An exchange that refuses this address (451, 403), or a proxy that refuses everything (407), cannot be used from here.
REFUSALS = {403, 407, 451}


def any_reachable(urls: Sequence[str], timeout_s: float = PROBE_S) -> bool:
    """Whether one of the URLs answers anything but a refusal within the time."""
    answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
    for url in urls:
        # Daemons: looking up a name can take far longer than the time there is, and must not hold up anybody.
        threading.Thread(target=lambda url=url: answers.put(_answers(url, timeout_s)), daemon=True).start()
    deadline_s = time.monotonic() + timeout_s
    try:
        return any(answers.get(timeout=max(0.0, deadline_s - time.monotonic())) for _ in urls)
    except queue.Empty:
        return False


def _answers(url: str, timeout_s: float) -> bool:
    try:
        with urlopen(Request(url, headers={"User-Agent": "market-data-platform"}), timeout=timeout_s):
            return True
    except HTTPError as error:
        return error.code not in REFUSALS
    except (OSError, HTTPException):
        return False
