"""The table of a run: fault by {detected after, repaired after, lost, duplicated}, told at the end of the tests."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

HEAD = ("fault", "detected after", "repaired after", "lost", "duplicated", "wrong", "seen")


@dataclass
class Row:
    """Seconds; None where a client saw nothing of it. `seen` is what clients were told, in few words."""

    fault: str
    detected_s: float | None
    repaired_s: float | None
    lost: int
    duplicated: int
    wrong: int
    seen: str

    def members(self) -> dict[str, Any]:
        return asdict(self)


def written(rows: Iterable[Row]) -> list[str]:
    """The table's lines."""
    cells = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(HEAD))]
    return ["  ".join(_set(place, cell, widths[place]) for place, cell in enumerate(line)).rstrip() for line in cells]


def _cells(row: Row) -> tuple[str, ...]:
    counts = (str(count) for count in (row.lost, row.duplicated, row.wrong))
    return row.fault, _seconds(row.detected_s), _seconds(row.repaired_s), *counts, row.seen


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _set(place: int, cell: str, width: int) -> str:
    return cell.ljust(width) if place in (0, len(HEAD) - 1) else cell.rjust(width)
