"""What a replay came to, in words: for the terminal."""

from collections.abc import Iterator

from recordings.replay.script import Progress

NAMED = 20  # topics that are listed


def topics(names: list[str]) -> Iterator[str]:
    """Where to listen."""
    yield from (f"  {name}" for name in sorted(names)[:NAMED])
    if len(names) > NAMED:
        yield f"  and {len(names) - NAMED} more: GET /api/v1/replays/ lists them"


def summary(last: Progress, seconds: float) -> Iterator[str]:
    """Events by kind, what was not whole, and the hash."""
    rate = f", {last.events / seconds:,.0f} a second" if seconds > 0 else ""
    yield f"{last.events} events of {last.lines} lines in {seconds:.1f} s{rate}"
    yield "  " + (", ".join(f"{kind} {count}" for kind, count in last.kinds.items()) or "none of any kind")
    yield f"gaps: {last.gaps}, rejected frames: {last.rejected}"
    for fault, hit in last.hits.items():
        first = ", ".join(map(str, hit["lines"]))
        yield f"fault {fault}: {hit['frames']} frames, first those of lines {first}"
    for damage in last.damage:
        yield f"damaged: {damage}"
    yield f"hash: {last.hash}"
