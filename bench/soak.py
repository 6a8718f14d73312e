"""Many clients on a running platform for minutes: is any seq missing, and does any process grow?

    python bench/soak.py --url http://127.0.0.1:8000 --clients 20 --seconds 600

Prints what each process of the group has in memory (RSS, MB) at the marks, events and deliveries a second, and every
hole found. Exit code 1 where a trade or depth seq was missing at any client. Loopback only; it ends by itself.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

from websockets.asyncio.client import connect

HEAD = re.compile(r'\{"event":"(\w+)","topic":"([^"]+)".*?"epoch":(\d+),"seq":(\d+|null)')
UNBROKEN = {"trade", "depth"}  # streams in which no seq may be missing


class Client:
    """Subscribes to everything and checks each topic's seq."""

    def __init__(self, url: str, topics: list[str]) -> None:
        self._url, self._topics = url, topics
        self._last: dict[str, tuple[int, int]] = {}
        self.received: Counter[str] = Counter()
        self.holes: list[str] = []

    async def run(self, until_s: float) -> None:
        async with connect(self._url, max_size=None, compression=None, max_queue=1024) as socket:
            await socket.send(json.dumps({"action": "subscribe", "topics": self._topics}))
            while time.monotonic() < until_s:
                try:
                    self._hear(await asyncio.wait_for(socket.recv(), 5))
                except TimeoutError:
                    continue

    def _hear(self, text: str) -> None:
        found = HEAD.match(text)
        if found is None or found[4] == "null":
            return
        event, topic, epoch, seq = found[1], found[2], int(found[3]), int(found[4])
        self.received[event] += 1
        last = self._last.get(topic)
        self._last[topic] = epoch, seq
        if last is None or topic.split(".")[1] not in UNBROKEN:
            return
        if not (epoch == last[0] and seq == last[1] + 1) and not (epoch > last[0] and seq == 1):
            self.holes.append(f"{topic}: {last} then {(epoch, seq)}")


def memory(group: int) -> dict[str, int]:
    """RSS in MB by process of the session or process tree below `group`."""
    parents, names, sizes = {}, {}, {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            status = (folder / "status").read_text()
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        pid = int(folder.name)
        parents[pid] = int(re.search(r"PPid:\s+(\d+)", status)[1])
        size = re.search(r"VmRSS:\s+(\d+)", status)
        names[pid], sizes[pid] = words, int(size[1]) // 1024 if size else 0
    return {f"{pid} {short(names[pid])}": sizes[pid] for pid in sorted(parents) if below(pid, group, parents)}


def below(pid: int, group: int, parents: dict[int, int]) -> bool:
    while pid > 1:
        if pid == group:
            return True
        pid = parents.get(pid, 0)
    return False


def short(words: str) -> str:
    for mark in ("uvicorn", "-Q streams", "-Q jobs", "beat", "manage.py sandbox", "manage.py up", "redis", "postgres"):
        if mark in words:
            return mark.removeprefix("-Q ").removeprefix("manage.py ")
    return words[:30]


def all_topics(url: str) -> list[str]:
    with urlopen(f"{url}/api/v1/symbols/?exchange=binance&limit=100") as answer:
        symbols = [row["symbol"] for row in json.load(answer)["results"]]
    return [f"binance.{stream}.{symbol}" for symbol in symbols for stream in ("trade", "depth", "ticker")]


async def soak(url: str, pid: int | None, clients: int, seconds: float, marks_s: list[float]) -> int:
    topics = all_topics(url)
    print(f"{clients} clients, each on {len(topics)} topics, for {seconds:g} s")
    began_s = time.monotonic()
    listeners = [Client(f"ws://{urlsplit(url).netloc}/stream/", topics) for _ in range(clients)]
    running = [asyncio.create_task(each.run(began_s + seconds)) for each in listeners]
    for mark_s in sorted(mark for mark in marks_s if mark < seconds):
        await asyncio.sleep(began_s + mark_s - time.monotonic())
        told = sum(each.received.total() for each in listeners)
        used = memory(pid) if pid else "unknown without --pid"
        print(f"at {mark_s:g} s: {told} events delivered; memory in MB: {used}", flush=True)
    await asyncio.gather(*running)
    events = listeners[0].received
    total = sum(each.received.total() for each in listeners)
    holes = [hole for each in listeners for hole in each.holes]
    print(f"first client: {dict(events)}: {events.total() / seconds:.0f} events/s")
    print(f"all clients: {total / seconds:.0f} deliveries/s")
    print(f"holes in trade and depth: {len(holes)}", *holes[:20], sep="\n")
    return 1 if holes else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--pid", type=int, help="of `manage.py up`: its children's memory is shown")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--marks", type=float, nargs="*", default=[120, 595])
    given = parser.parse_args()
    if urlsplit(given.url).hostname not in {"127.0.0.1", "localhost", "::1"}:
        parser.error(f"--url: {given.url} came; an address of this machine would do")
    sys.exit(asyncio.run(soak(given.url, given.pid, given.clients, given.seconds, given.marks)))


if __name__ == "__main__":
    main()
