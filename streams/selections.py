"""What a signal's body says, read as patterns that are offered and listed; a Problem names what came and would do."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from typing import Annotated, Any, TypeVar

from django.conf import settings
from pydantic import Field

from marketdata import cards, filters, instruments
from marketdata.filters import AN_EXCHANGE, Asked, Code, Market, would_do
from marketdata.problems import Problem
from streams import patterns, signals
from streams.messages import Refused
from streams.signals import Signal

T = TypeVar("T", bound="SelectionBody")

MOST_AT_ONCE = 100  # signals in one request
MOST_NAMED = 1_000  # symbols, or topics, of one signal
LONGEST_S = 366 * 86_400

Name = Annotated[str, Field(min_length=1, max_length=200)]
FIELDS = {"exchange": "exchange", "stream": "streams", "pair": "symbols"}  # the word of a refusal: ours here
EXAMPLES = '{"symbols": ["BTC-USDT"], "streams": ["trade"]} or {"topics": ["binance.ticker.*"]} would do'


class SelectionBody(Asked):
    """One pair of lists, or topics."""

    exchange: Code | None = would_do(f"{AN_EXCHANGE}, or * in it; without it binance")
    symbols: list[Market] | None = Field(
        None, min_length=1, max_length=MOST_NAMED, description=f"a list of 1 to {MOST_NAMED} markets in any spelling"
    )
    streams: list[Name] | None = Field(
        None, min_length=1, max_length=100, description="a list of streams such as trade, ticker, candle_1m"
    )
    topics: list[Name] | None = Field(
        None,
        min_length=1,
        max_length=MOST_NAMED,
        description=f"a list of 1 to {MOST_NAMED} topics such as binance.trade.BTC-USDT or binance.ticker.*",
    )


class SignalBody(SelectionBody):
    """What is to run, and for how long."""

    lease_s: int | None = Field(
        None,
        ge=1,
        le=LONGEST_S,
        strict=True,
        description=f"a whole number of seconds from 1 to {LONGEST_S}, or none for a signal that lasts",
    )
    note: str | None = Field(None, max_length=200, description="a text of at most 200 characters")


def asked(body: Any) -> list[Signal]:
    """The signals of a body: one, or a list of several."""
    known, markets = cards.cards(), cache(instruments.current)

    @cache
    def understood(text: str) -> str:
        return patterns.understood(text, known, markets)

    found = _bounded([(_read(SignalBody, given, front), front) for given, front in _each(body)])
    return [Signal(_patterns(one, front, understood), one.lease_s, one.note) for one, front in found]


def ended(body: Any) -> list[str]:
    """The digests of the signals that a body names; what they select need not be listed any more."""
    known, markets = cards.cards(), cache(instruments.current)

    @cache
    def understood(text: str) -> str:
        try:  # what would do instead is not sought: it takes long, and nobody is told
            is_listed = patterns.may_be_listed(text, known, markets)
            return patterns.understood(text, known, markets) if is_listed else patterns.as_written(text)
        except Refused:
            return patterns.as_written(text)

    found = _bounded([(_read(SelectionBody, _without_lease(given), front), front) for given, front in _each(body)])
    return [signals.digest(_patterns(one, front, understood)) for one, front in found]


def lines(text: str) -> Sequence[str]:
    """The patterns of topics, one a line."""
    return asked({"topics": [line.strip() for line in text.splitlines() if line.strip()]})[0].patterns


def _each(body: Any) -> Iterator[tuple[Any, str]]:
    """Each selection, and what stands in front of its fields in a refusal."""
    if not isinstance(body, list):
        yield body, ""
        return
    if not 1 <= len(body) <= MOST_AT_ONCE:
        raise Problem("bad_request", f"a list of {len(body)} came; 1 to {MOST_AT_ONCE} signals would do.")
    yield from ((given, f"{number}.") for number, given in enumerate(body))


def _read(model: type[T], given: Any, front: str) -> T:
    try:
        return filters.read(model, given)
    except Problem as problem:
        field = f"{front}{problem.field}" if problem.field else None
        raise Problem(problem.code, f"{front}{problem.message}" if front else problem.message, field) from None


def _bounded(found: list[tuple[T, str]]) -> list[tuple[T, str]]:
    """Before any is understood, which takes long for many: no caller may have more than this."""
    texts = {text for one, front in found for text in _texts(one, front)}
    counts = {
        "topics": (settings.MOST_SIGNALLED_TOPICS, len(texts)),
        "wildcards": (signals.MOST_WILDCARDS, sum(patterns.WILD in text for text in texts)),
    }
    for what, (most, came) in counts.items():
        if came > most:
            raise Problem("too_many_subscriptions", f"{came} {what} came at once; at most {most} would do.")
    return found


def _without_lease(given: Any) -> Any:
    """Who ends a signal may send what began it."""
    if not isinstance(given, Mapping):
        return given
    return {name: value for name, value in given.items() if name not in {"lease_s", "note"}}


def _patterns(one: SelectionBody, front: str, understood: Callable[[str], str]) -> list[str]:
    return sorted({_understood(text, one, front, understood) for text in _texts(one, front)})


def _texts(one: SelectionBody, front: str) -> list[str]:
    if one.topics is not None:
        if one.symbols or one.streams or one.exchange:
            came = "topics came beside symbols, streams or exchange; either"
            raise Problem("bad_request", f"{front}topics: {came} {EXAMPLES}.", f"{front}topics")
        return one.topics
    for name in ("symbols", "streams"):
        if getattr(one, name) is None:
            raise Problem("bad_request", f"{front}{name} is missing; {EXAMPLES}.", f"{front}{name}")
    count, most = len(one.symbols) * len(one.streams), settings.MOST_SIGNALLED_TOPICS
    if count > most:
        came = f"{len(one.symbols)} symbols and {len(one.streams)} streams came"
        raise Problem("too_many_subscriptions", f"{front}symbols: {came}; at most {most} topics would do.")
    return [f"{one.exchange or 'binance'}.{stream}.{symbol}" for symbol, stream in product(one.symbols, one.streams)]


def _understood(text: str, one: SelectionBody, front: str, understood: Callable[[str], str]) -> str:
    try:
        return understood(text)
    except Refused as refused:
        named, _, rest = str(refused).partition(": ")
        if named not in FIELDS:
            named, rest = "", str(refused)
        field = front + ("topics" if one.topics is not None or not named else FIELDS[named])
        raise Problem(refused.code, f"{field}: {rest}.", field) from None
