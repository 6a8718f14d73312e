"""What one replay is to play, and how far it has come."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from recordings.replay.faults import Fault

State = Literal["waiting", "playing", "paused", "done", "stopped", "failed"]


@dataclass(frozen=True)
class Script:
    """`replay` is its id. `position_ns`: up to there another process has told it already; `later_ns`: so much later
    are its epochs than what was recorded, on original topics."""

    replay: str
    paths: Sequence[Path]
    exchange: str | None = None
    speed: float | None = 1.0
    paused: bool = False
    faults: Sequence[Fault] = ()
    seed: int = 0
    original: bool = False
    kafka: bool = False
    topics: frozenset[str] = frozenset()  # as they are recorded, as far as they are known before
    position_ns: int = 0
    later_ns: int = 0


@dataclass
class Progress:
    """`position_ns` is the recorded time up to which all was written; counts are of the whole recording up to there."""

    state: State
    detail: str = ""
    first_ns: int | None = None
    position_ns: int | None = None
    lines: int = 0
    events: int = 0
    gaps: int = 0
    rejected: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    topics: dict[str, int] = field(default_factory=dict)
    hits: dict[str, Any] = field(default_factory=dict)  # fault -> {"frames": how many, "lines": the first of them}
    damage: list[str] = field(default_factory=list)
    hash: str = ""
