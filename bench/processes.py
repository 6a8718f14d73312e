"""What each process of a group uses: memory and processor time, from /proc."""

import os
import re
from pathlib import Path
from typing import NamedTuple

TICKS_S = os.sysconf("SC_CLK_TCK")
ROLES = {
    "bench.soak": "this", "uvicorn": "web", "-Q streams": "streams", "-Q jobs": "jobs", " beat ": "beat",
    "postgres": "postgres", "redis": "redis", "manage.py sandbox": "sandbox", "manage.py up": "up",
}  # fmt: skip


class Use(NamedTuple):
    """`rss_mb` counts what processes share in each of them."""

    rss_mb: int
    cpu_s: float


def uses(group: int) -> dict[str, Use]:
    """By process (number and role) of the tree below `group`, itself among them."""
    parents: dict[int, int] = {}
    found: dict[int, tuple[str, Use]] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            status = (folder / "status").read_text()
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid, size = int(folder.name), re.search(r"VmRSS:\s+(\d+)", status)
        parents[pid] = int(stat[1])
        used_s = (int(stat[11]) + int(stat[12])) / TICKS_S
        found[pid] = (role(words), Use(int(size[1]) // 1024 if size else 0, used_s))
    return {f"{pid} {found[pid][0]}": found[pid][1] for pid in sorted(found) if _below(pid, group, parents)}


def role(words: str) -> str:
    """A short name for a command line."""
    return next((name for mark, name in ROLES.items() if mark in words), words[:30])


def _below(pid: int, group: int, parents: dict[int, int]) -> bool:
    while pid > 1:
        if pid == group:
            return True
        pid = parents.get(pid, 0)
    return False
