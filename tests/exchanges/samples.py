"""Recorded payloads of real sources through `manage.py normalize`, beside what each must give (samples.json).

    python -m tests.exchanges.samples

runs the command on every file of the table and prints file, kind, events and what is rejected. The payloads lie beside
the clone, in ../shared/samples/<exchange>, and are no part of it.

A row of the table: the exchange, the file, its `kind`; `options` of the command, `instruments` for it, files whose
frames come `before`, the `answer` to a request among the frames; then `events` by kind and, of frames, by market
(`symbols`), what is `rejected` by reason, and `why` where a recording gives less than it holds, or more.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from bench.table import show

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT.parent / "shared" / "samples"
TABLE = Path(__file__).with_suffix(".json")


class Answer(msgspec.Struct):
    """A REST answer between the frames: who received it when (unix seconds, as text) and to which request."""

    file: str
    received: str
    rest: str


class Row(msgspec.Struct, omit_defaults=True):
    """One reading of one file."""

    exchange: str
    file: str
    kind: str
    options: list[str] = []
    instruments: list[str] = []
    before: list[str] = []
    answer: Answer | None = None
    events: dict[str, int] = {}
    symbols: dict[str, int] = {}
    rejected: dict[str, int] = {}
    why: str = ""

    @property
    def name(self) -> str:
        return f"{self.exchange}/{self.file} as {self.kind}"

    def sample(self, file: str) -> Path:
        return FOLDER / self.exchange / file

    def command(self, folder: Path) -> list[str]:
        """The arguments of `normalize`; what has to be put together first is written into `folder`."""
        listed = [part for file in self.instruments for part in ("--instruments", str(self.sample(file)))]
        return [self.exchange, str(self._input(folder)), "--kind", self.kind, *self.options, *listed]

    def _input(self, folder: Path) -> Path:
        if self.kind != "frames" or not (self.file.endswith(".json") or self.before or self.answer):
            return self.sample(self.file)
        lines = [line for file in [*self.before, self.file] for line in _lines(self.sample(file))]
        if self.answer:
            received = [json.loads(line, parse_float=Decimal)["received"] for line in lines]
            place = sum(at <= Decimal(self.answer.received) for at in received)
            raw = self.sample(self.answer.file).read_text()
            lines.insert(place, json.dumps({**msgspec.to_builtins(self.answer), "raw": raw}))
        made = folder / f"{Path(self.file).stem}.jsonl"
        made.write_text("\n".join(lines) + "\n")
        return made


def _lines(file: Path) -> list[str]:
    """A recording's lines; a file of one frame is one line."""
    if file.suffix == ".jsonl":
        return file.read_text().splitlines()
    return [json.dumps({"received": None, "raw": file.read_text()})]


def table() -> list[Row]:
    return msgspec.json.decode(TABLE.read_bytes(), type=list[Row])


def files() -> list[str]:
    """Every payload at hand, as `<exchange>/<file>`."""
    return sorted(str(file.relative_to(FOLDER)) for file in FOLDER.glob("*/*.json*"))


def lines(text: str) -> list[dict[str, Any]]:
    """What `normalize` wrote."""
    return [json.loads(line, parse_float=Decimal) for line in text.splitlines()]


def events(text: str) -> Counter[str]:
    """How many of each kind; books by what is told of them."""
    told = [line for line in lines(text) if line["event"] != "rejected"]
    return Counter(f"{event['event']} {event.get('type', '')}".strip() for event in told)


def symbols(text: str) -> Counter[str]:
    """How many events of each market."""
    return Counter(line["symbol"] for line in lines(text) if line["event"] != "rejected")


def rejected(text: str) -> Counter[str]:
    """How many for each reason."""
    return Counter(line["reason"] for line in lines(text) if line["event"] == "rejected")


def ran(row: Row) -> str:
    """What the command writes, run as a user runs it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "manage.py"), "normalize", *row.command(Path(folder))]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == (0 if row.kind == "frames" or row.events else 1), done.stderr
    return done.stdout


def said(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    if not FOLDER.is_dir():
        sys.exit("the recorded payloads are not at hand")
    texts = [(row, ran(row)) for row in table()]
    show(
        ("file", "kind", "events", "rejected", "why"),
        [
            (f"{row.exchange}/{row.file}", row.kind, said(events(text)), said(rejected(text)), row.why or "-")
            for row, text in texts
        ],
    )
    total, lost = (sum(sum(count(text).values()) for _, text in texts) for count in (events, rejected))
    print(f"\n{len(files())} files, {total} events, {lost} rejected")


if __name__ == "__main__":
    main()
