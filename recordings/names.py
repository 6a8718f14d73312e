"""The names of segments: `<first ns>-<n>.jsonl.zst`, n counting from 1."""

import re
from collections.abc import Iterable
from pathlib import Path

_name = re.compile(r"(\d{1,20})-(\d{1,9})\.jsonl\.zst")


def made(first_ns: int, number: int) -> str:
    """`first_ns`: the receive time of its first line."""
    return f"{first_ns}-{number}.jsonl.zst"


def number(name: str) -> int | None:
    """Which segment it is; None where it is none."""
    found = _name.fullmatch(name)
    return int(found[2]) if found else None


def in_order(folder: Path) -> list[str]:
    """The segments that stand in the folder, the oldest first. OSError where it cannot be read."""
    return sort(path.name for path in folder.iterdir())


def sort(names: Iterable[str]) -> list[str]:
    """Those that are segments', the oldest first."""
    numbered = [(found, name) for name in names if (found := number(name)) is not None]
    return [name for _, name in sorted(numbered)]
