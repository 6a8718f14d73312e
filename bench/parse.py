"""Microseconds a frame, from an exchange's text to ours, for every feed; beside json, a pydantic model and json again.

    python -m bench.parse [--frames 1000] [--rounds 5]

The frames are those of tests/exchanges/<name>/cases/*.json, so every exchange that has cases is measured. Of each kind
the frame is taken that gives the fewest such events and nothing else, of these the longest, and a book's change rather
than a whole book; where the source sends no such frame, the answer to a request. It is given to many feeds, each
brought to that step of its case, so that every one reads it as news. The platform's time is from there to the text
that waits for the flush, numbered. The peer checks the same frame with a pydantic model of its shape and writes it
out again.
"""

import argparse
import gc
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel, TypeAdapter, ValidationError, create_model
from redis.asyncio import Redis

from bench.table import show
from exchanges import errors
from exchanges.contract import Card, Feed, Output, Request
from exchanges.events import Candle, Depth, Market, Ticker, Trade
from exchanges.registry import cards
from exchanges.symbols import Instrument, Instruments
from streams.history import Kept
from streams.lease import Lease
from streams.numbering import Numbering
from streams.publishers.redis import Publisher

CASES = Path(__file__).resolve().parent.parent / "tests" / "exchanges"
KINDS: dict[type[Output], str] = {Trade: "trade", Ticker: "ticker", Depth: "depth", Candle: "candle"}
START_NS, STEP_NS = 1_790_000_001_000_000_000, 10_000_000


class Step(msgspec.Struct):
    """One input of a case; which one, tells the member that is there."""

    frame: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    text: str | None = None
    answer: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    failed: str | None = None
    to: str = ""
    wanted: list[tuple[str, str]] | None = None
    at_ms: int | None = None


class Case(msgspec.Struct):
    """A conversation as the cases tell it."""

    steps: list[Step]
    instruments: list[tuple[str, str, str, str]] = []


@dataclass(frozen=True)
class Sample:
    """An input that gives events of one kind alone, and what a feed must have heard before it."""

    card: Card
    case: Case
    index: int
    events: tuple[Market, ...]

    def feed(self) -> Feed:
        """One that has heard everything before the input."""
        feed = self.card.feed(_instruments(self.case))
        for index, step in enumerate(self.case.steps[: self.index]):
            list(_put(feed, step, index))
        return feed

    def given(self, feed: Feed) -> Callable[[], Iterable[Output]]:
        """What hands the input to the feed, once; everything else is done beforehand."""
        step, at_ns = self.case.steps[self.index], _at_ns(self.case.steps[self.index], self.index)
        if self.sent:
            return partial(feed.receive, self.text, at_ns)
        return partial(feed.answered, Request(step.to), self.text.encode(), at_ns)

    @property
    def sent(self) -> bool:
        """A frame; else an answer to a request."""
        return self.case.steps[self.index].frame is not msgspec.UNSET

    @property
    def text(self) -> str:
        step = self.case.steps[self.index]
        return bytes(step.frame if self.sent else step.answer).decode()

    @property
    def kind(self) -> str:
        return KINDS[type(self.events[0])]

    @property
    def name(self) -> str:
        """The kind in words: of a book what of it, and whether it is an answer."""
        [first, *_] = self.events
        said = f"{self.kind} {first.type}" if isinstance(first, Depth) else self.kind
        return said if self.sent else f"{said}, REST"

    @property
    def rank(self) -> tuple[Any, ...]:
        """The higher the better."""
        whole_book = any(isinstance(event, Depth) and event.type == "snapshot" for event in self.events)
        return self.sent, not whole_book, -len(self.events), len(self.text)


def samples(card: Card) -> Iterator[Sample]:
    """The best of each kind that the exchange's cases hold."""
    found: dict[str, Sample] = {}
    for file in sorted((CASES / card.code / "cases").glob("*.json")):
        for case in msgspec.json.decode(file.read_bytes(), type=list[Case]):
            for sample in _of_case(card, case):
                best = found.get(sample.kind)
                if best is None or sample.rank > best.rank:
                    found[sample.kind] = sample
    yield from (found[kind] for kind in KINDS.values() if kind in found)


def _of_case(card: Card, case: Case) -> Iterator[Sample]:
    feed = card.feed(_instruments(case))
    for index, step in enumerate(case.steps):
        outputs = tuple(_put(feed, step, index))
        is_text = step.frame is not msgspec.UNSET or step.answer is not msgspec.UNSET
        if is_text and len({type(output) for output in outputs}) == 1 and type(outputs[0]) in KINDS:
            yield Sample(card, case, index, outputs)  # type: ignore[arg-type]


def _put(feed: Feed, step: Step, index: int) -> Iterable[Output]:
    at_ns = _at_ns(step, index)
    if step.frame is not msgspec.UNSET:
        return feed.receive(bytes(step.frame).decode(), at_ns)
    if step.text is not None:
        return feed.receive(step.text, at_ns)
    if step.answer is not msgspec.UNSET:
        return feed.answered(Request(step.to), bytes(step.answer), at_ns)
    if step.failed is not None:
        return feed.failed(Request(step.to), getattr(errors, step.failed)("as the case says"), at_ns)
    if step.wanted is not None:
        return feed.wanted(step.wanted)
    return feed.tick(at_ns)


def _at_ns(step: Step, index: int) -> int:
    return START_NS + index * STEP_NS if step.at_ms is None else step.at_ms * 1_000_000


def _instruments(case: Case) -> Instruments:
    return Instruments(
        Instrument(symbol=symbol, venue_symbol=venue_symbol, base=base, quote=quote, kind="spot")
        for symbol, venue_symbol, base, quote in case.instruments
    )


class Platform:
    """From a frame to the text that waits for the flush, as `streams/session.py` does it."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._wants = {(event.stream, event.symbol) for event in sample.events}

    def prepared(self, count: int) -> Callable[[], None]:
        """The work on so many frames, and nothing else."""
        given, numbering = [self._sample.given(self._sample.feed()) for _ in range(count)], self._numbering()

        def work() -> None:
            for one in given:
                for output in one():
                    numbering.take(output)

        return work

    def _numbering(self) -> Numbering:
        publisher = Publisher(Redis(), None, 10_000, 2**30, lambda: None, lambda _: None)  # it is never run
        lease = Lease("lease", "1:bench")
        code, markets = self._sample.card.code, _instruments(self._sample.case)
        numbering = Numbering(code, lease, markets, publisher, "", lambda *_: None)
        for want in self._wants:
            numbering.open(want, Kept(), START_NS)
        return numbering


class Textbook:
    """json, a pydantic model of the frame's own shape with Decimals, json."""

    def __init__(self, sample: Sample) -> None:
        self._frame = sample.text
        self._model: TypeAdapter[Any] = TypeAdapter(_type(json.loads(sample.text)))

    def prepared(self, count: int) -> Callable[[], None]:
        frame, model = self._frame, self._model

        def work() -> None:
            for _ in range(count):
                json.dumps(model.dump_python(model.validate_python(json.loads(frame)), mode="json"))

        return work


def _type(value: Any) -> Any:
    """What a model of the value says: numbers in text are Decimals, the elements of a list are alike or a tuple."""
    match value:
        case dict():
            return create_model(
                "Frame", __base__=BaseModel, **{name: (_type(item), ...) for name, item in value.items()}
            )
        case list():
            return _list_type(value)
        case str():
            return Decimal if _is_number(value) else str
        case None:
            return Any
        case _:
            return type(value)


def _list_type(values: list[Any]) -> Any:
    """A list of what the first is, where the others are the same; else each its own."""
    if not values:
        return list[Any]
    types = [_type(value) for value in values]
    if len({frozenset(value) for value in values if isinstance(value, dict)}) > 1:
        return tuple[*types]
    try:
        TypeAdapter(list[types[0]]).validate_python(values)
    except ValidationError:
        return tuple[*types]
    return list[types[0]]


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def us_a_frame(work: Callable[[int], Callable[[], None]], frames: int, rounds: int) -> float:
    """The best of the rounds."""
    best_s = float("inf")
    for _ in range(rounds):
        prepared = work(frames)
        gc.collect()
        gc.disable()
        began_s = time.process_time()
        prepared()
        best_s = min(best_s, time.process_time() - began_s)
        gc.enable()
    return best_s / frames * 1e6


def rows(sample: Sample, frames: int, rounds: int) -> Sequence[str]:
    ours = us_a_frame(Platform(sample).prepared, frames, rounds)
    theirs = us_a_frame(Textbook(sample).prepared, frames, rounds)
    named = sample.card.code, sample.name, str(len(sample.text)), str(len(sample.events))
    return *named, f"{ours:.1f}", f"{theirs:.1f}", f"{theirs / ours:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    found = [rows(sample, given.frames, given.rounds) for card in cards().values() for sample in samples(card)]
    show(("exchange", "frame", "bytes", "events", "platform us", "json + pydantic us", "platform is x"), found)


if __name__ == "__main__":
    main()
