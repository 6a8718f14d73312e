"""Frames that are broken or unknown: counted all, logged once a kind with their text."""

import logging
from collections import Counter

from exchanges.events import Rejected

log = logging.getLogger(__name__)

SHOWN = 500  # characters of a frame in the log


class Rejections:
    """One exchange's, in one process."""

    def __init__(self, exchange: str) -> None:
        self._exchange = exchange
        self.count: Counter[str] = Counter()

    def add(self, rejected: Rejected, frame: str | bytes) -> None:
        self.count[rejected.kind] += 1
        if self.count[rejected.kind] == 1:
            log.warning(
                "%s: a frame was rejected (%s; more of this kind are only counted): %s: %r",
                self._exchange, rejected.kind, rejected.reason, frame[:SHOWN],
            )  # fmt: skip
