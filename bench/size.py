"""Files and lines of each exchange's folder: what reads it, the sandbox that speaks it, the tests of both.

    python -m bench.size

Lines are all lines of a file, blank ones and comments too; cases are conversations in tests/exchanges/<name>/cases.
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.table import show
from exchanges.registry import cards

ROOT = Path(__file__).resolve().parent.parent
HEADS = ("exchange", "files", "lines", "sandbox files", "lines", "test files", "lines", "cases")


def size(files: Iterable[Path]) -> tuple[int, int]:
    """How many files, and how many lines in all of them."""
    counts = [len(file.read_text().splitlines()) for file in files]
    return len(counts), sum(counts)


def row(name: str, code: Path, tests: Path) -> tuple[str | int, ...]:
    """One folder of code, and the one that tests it."""
    product = [file for file in code.glob("*.py") if not file.name.startswith("sandbox")]
    cases = sum(len(json.loads(file.read_text())) for file in tests.glob("cases/*.json"))
    return name, *size(product), *size(code.glob("sandbox*.py")), *size(tests.glob("*.py")), cases


def table() -> list[Sequence[str]]:
    """A row per exchange, one of what they share, and the sum."""
    code, tests = ROOT / "exchanges", ROOT / "tests" / "exchanges"
    rows = [row(name, code / name, tests / name) for name in cards()]
    rows.append(row("shared", code, tests))
    total = ["all", *(sum(column) for column in zip(*(one[1:] for one in rows), strict=True))]
    return [[f"{value:,}" if isinstance(value, int) else value for value in one] for one in [*rows, total]]


def main() -> None:
    shown = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=shown).parse_args()
    show(HEADS, table())


if __name__ == "__main__":
    main()
