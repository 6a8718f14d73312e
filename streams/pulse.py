"""Whether a connection is alive, judged by any bytes that come, part of a frame or a pong; pure.

A ping is sent only while nothing comes, so that a busy connection spends none of the messages that the exchange takes.
"""

ASK_S = 4.0  # of nothing, before a ping and before each further one
DEAD_S = 12.0  # of nothing, not even an answer to a ping
STALL_S = 0.5  # of longer pauses between two looks nobody knows whether nothing came: we were not there to hear it


class Pulse:
    """One connection's; looked at several times a second."""

    def __init__(self, now_s: float) -> None:
        self._looked_s = self._heard_s = now_s
        self._quiet_s = 0.0
        self._asked = 0

    def look(self, now_s: float, heard_s: float) -> bool:
        """`heard_s`: when bytes came last. Whether a ping is due."""
        waited_s, self._looked_s = now_s - self._looked_s, now_s
        if heard_s > self._heard_s:
            self._heard_s, self._quiet_s, self._asked = heard_s, 0.0, 0
            return False
        self._quiet_s += min(waited_s, STALL_S)
        if self._quiet_s < ASK_S * (self._asked + 1):
            return False
        self._asked += 1
        return True

    @property
    def dead(self) -> bool:
        return self._quiet_s >= DEAD_S
