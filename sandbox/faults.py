"""The faults that are switched on now, and what they do to frames and requests."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exchanges.invented import Channel
from sandbox.wire import encoded

if TYPE_CHECKING:
    from sandbox.client import Client


@dataclass
class Spoilt:
    """A channel's frames after the faults; `frames` may hold bytes where one was made binary."""

    frames: list

    def encoded(self) -> bytes:
        return b"".join(map(encoded, self.frames))


class Faults:
    def silences(self, client: "Client", channel: Channel | None) -> bool:
        return False

    def spoilt(self, code: str, channel: Channel, frames: Iterable[str]) -> Spoilt:
        return Spoilt(list(frames))
