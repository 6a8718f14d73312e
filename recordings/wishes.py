"""What a request to record says, read as topics; a Problem names what came and would do."""

from collections.abc import Iterable
from functools import cache, partial
from itertools import product

from pydantic import Field

from exchanges.symbols import Instruments, Topic
from marketdata import cards, instruments, markets, problems
from marketdata.locks import redis
from marketdata.problems import Problem
from recordings import folder
from recordings.segments import FREE_BYTES_MIN
from streams import keys, patterns
from streams.messages import Refused
from streams.selections import SelectionBody

MOST_TOPICS = 1_000
LONGEST_S = 31 * 86_400
ALIVE_S = 10  # a topic runs whose last heartbeat is no older
EXAMPLES = '{"exchange": "binance", "symbols": ["BTC-USDT"], "streams": ["trade"]} or {"topics": [...]}'
WORDS = {"exchange": "exchange", "stream": "streams", "pair": "symbols"}  # of a refusal: the field it is about here


class RecordingBody(SelectionBody):
    """Without symbols or streams, what runs of the exchange."""

    duration_s: int | None = Field(
        None,
        ge=1,
        le=LONGEST_S,
        strict=True,
        description=f"a whole number of seconds from 1 to {LONGEST_S}, or none to record until it is stopped",
    )
    name: str = Field("", max_length=100, description="a text of at most 100 characters")


def topics(asked: SelectionBody) -> list[str]:
    """The topics that are meant, each offered by its exchange and listed there."""
    if asked.topics is not None:
        if asked.exchange or asked.symbols or asked.streams:
            raise Problem("bad_request", f"topics: they came beside other fields; {EXAMPLES} would do.", "topics")
        return _bounded(_meant(asked.topics, "topics"), "topics")
    if asked.exchange is None:
        raise Problem("bad_request", f"exchange is missing; {EXAMPLES} would do.", "exchange")
    code = markets.exchange(asked.exchange).code
    if asked.symbols and asked.streams:
        _count(len(asked.symbols) * len(asked.streams), "symbols")
        named = [f"{code}.{stream}.{symbol}" for symbol, stream in product(asked.symbols, asked.streams)]
        return _bounded(_meant(named), "symbols")
    return _bounded(_running(code, asked), "symbols" if asked.streams else "streams")


def room() -> None:
    """Refuses where the disk has none."""
    free = folder.free_bytes()
    if free is not None and free < FREE_BYTES_MIN:
        would = f"{FREE_BYTES_MIN >> 20} MB or more would do; older recordings can be removed"
        raise Problem("unavailable", f"The disk of RECORDINGS_DIR has {free >> 20} MB left; {would}.")


def _meant(texts: Iterable[str], field: str = "") -> list[str]:
    known, listed = cards.cards(), cache(instruments.current)
    found: dict[str, None] = {}
    for text in texts:
        try:
            pattern = patterns.understood(text, known, listed)
        except Refused as refused:
            raise _problem(refused, field) from None
        for card in known.values():
            found |= dict.fromkeys(patterns.expanded(pattern, card, listed(card.code)))
            _count(len(found), field or "symbols")
    return list(found)


def _problem(refused: Refused, field: str) -> Problem:
    word, _, rest = str(refused).partition(": ")
    if word not in WORDS:
        word, rest = "", str(refused)
    field = field or WORDS.get(word, "")
    return Problem(refused.code, f"{field}: {rest}." if field else f"{rest}.", field or None)


def _running(code: str, asked: SelectionBody) -> list[str]:
    """What runs of the exchange, of the symbols or streams that were named."""
    now_s, _ = redis().time()
    running = [topic.decode() for topic in redis().zrangebyscore(keys.RUNNING, now_s - ALIVE_S, "+inf")]
    found = [topic for topic in map(Topic.parse, sorted(running)) if topic.exchange == code]
    listed: Instruments = instruments.current(code)
    card, spelled = cards.cards()[code], partial(_spelled, listed)
    streams = {_offered(stream, card.stream_names()) for stream in asked.streams or ()}
    symbols = {spelled(code, symbol) for symbol in asked.symbols or ()}
    found = [one for one in found if not streams or one.stream in streams]
    found = [one for one in found if not symbols or one.symbol in symbols]
    if not found:
        field = "streams" if asked.symbols else "symbols"
        words = f"{field} did not come, and nothing of {code} runs that would do instead"
        raise Problem("bad_request", f"{words}; {EXAMPLES} would do.", field)
    return [str(one) for one in found]


def _offered(stream: str, offered: list[str]) -> str:
    if stream not in offered:
        raise Problem(
            "unknown_stream", f"streams: {stream!r} came; {problems.one_of(offered, stream)} would do.", "streams"
        )
    return stream


def _spelled(listed: Instruments, code: str, symbol: str) -> str:
    found = listed.find(symbol)
    if found is None:
        near = (
            problems.listed(listed.nearest(symbol))
            if listed.nearest(symbol)
            else f"symbols/?exchange={code} lists what"
        )
        raise Problem("unknown_pair", f"symbols: {symbol!r} is no market of {code}; {near} would do.", "symbols")
    return found.symbol


def _bounded(found: list[str], field: str) -> list[str]:
    _count(len(found), field)
    return sorted(found)


def _count(count: int, field: str) -> None:
    if count > MOST_TOPICS:
        words = f"{field}: {count} topics are meant, or more; at most {MOST_TOPICS} in one recording would do"
        raise Problem("too_many_subscriptions", f"{words}.", field)
