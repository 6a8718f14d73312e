"""What no channel carries, asked by REST in turn: candles of other lengths than five minutes. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from exchanges import intervals
from exchanges.coinbase import names, rest
from exchanges.contract import Fetch, Output, Request, Want
from exchanges.errors import ExchangeError, RateLimited, Reconnect, Retry, Stop, verdict
from exchanges.events import Candle, Status
from exchanges.symbols import Instrument, Instruments

SECOND_NS = 1_000_000_000
TURN_NS = SECOND_NS // 2  # between two requests of one connection: a fifth of what the exchange allows an address
ANEW_NS = 2 * SECOND_NS  # between two requests of one topic; the exchange keeps its answers for a second
LOST_NS = 60 * SECOND_NS  # an answer that has not come by then does not come
SETTLED_MS = 10_000  # after its end a candle without a later one counts as final


@dataclass
class Topic:
    """One polled topic: when it may be asked again, and the newest candle that was told."""

    stream: str
    instrument: Instrument
    at_ns: int = 0
    attempt: int = 0
    told: Candle | None = None
    stopped: bool = False


class Polls:
    """The polled topics of one connection, one request under way at a time."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._topics: dict[Want, Topic] = {}
        self._under_way: tuple[Want, Request, int] | None = None
        self._next_ns = 0

    def want(self, wants: Collection[Want]) -> None:
        """These topics from now on. A market that is not known has none."""
        known = self._instruments.by_symbol
        self._topics = {
            want: self._topics.get(want) or Topic(want[0], known[want[1]]) for want in sorted(wants) if want[1] in known
        }

    def tick(self, now_ns: int) -> Iterable[Fetch]:
        """The next request, where one is due."""
        if self._under_way and now_ns - self._under_way[2] > LOST_NS:
            self._under_way = None
        if self._under_way or now_ns < self._next_ns:
            return
        due = [
            (topic.at_ns, want) for want, topic in self._topics.items() if topic.at_ns <= now_ns and not topic.stopped
        ]
        if due:
            want = min(due)[1]
            topic = self._topics[want]
            topic.at_ns, self._next_ns = now_ns + ANEW_NS, now_ns + TURN_NS
            request = _request(topic, now_ns)
            self._under_way = want, request, now_ns
            yield Fetch(request)

    def answered(self, request: Request, body: bytes, received_ns: int) -> Iterable[Output]:
        """BadFrame for a body that is none."""
        topic = self._ended(request)
        if topic is None:
            return
        interval = topic.stream.removeprefix("candle_")
        yield from self._candles(topic, rest.read_candles(body, topic.instrument, interval, received_ns))
        topic.attempt = 0

    def failed(self, request: Request, error: Exception, now_ns: int) -> Iterable[Output]:
        """Ask again later, or say why that is of no use."""
        topic = self._ended(request)
        if topic is None:
            return
        what = verdict(error, topic.attempt) if isinstance(error, ExchangeError) else Retry(60.0)
        topic.attempt += 1
        match what:
            case Stop(status):
                topic.stopped = True
                yield Status(
                    symbol=topic.instrument.symbol, venue_symbol=topic.instrument.venue_symbol, received_ns=now_ns,
                    stream=topic.stream, status=status, detail=str(error),
                )  # fmt: skip
            case Retry(after_s) | Reconnect(after_s):
                topic.at_ns = max(topic.at_ns, now_ns + int(after_s * SECOND_NS))
                if isinstance(error, RateLimited):
                    self._next_ns = max(self._next_ns, topic.at_ns)

    def _ended(self, request: Request) -> Topic | None:
        """The topic that the request was made for, if it is still wanted."""
        if self._under_way is None or self._under_way[1].target != request.target:
            return None
        want, self._under_way = self._under_way[0], None
        return self._topics.get(want)

    def _candles(self, topic: Topic, candles: list[Candle]) -> Iterable[Output]:
        """A candle is closed when a later one is there, or its end lies well behind."""
        told = topic.told
        for index, candle in enumerate(candles):
            settled = candle.received_ns // 1_000_000 > candle.close_ms + SETTLED_MS
            now = replace(candle, closed=settled or index < len(candles) - 1)
            if told and (now.open_ms < told.open_ms or (now.open_ms == told.open_ms and told.closed)):
                continue
            if told is None or replace(now, received_ns=told.received_ns) != told:
                topic.told = told = now
                yield now


def _request(topic: Topic, now_ns: int) -> Request:
    interval = topic.stream.removeprefix("candle_")
    length_ms, open_ms = intervals.length_ms(interval), intervals.open_ms(interval, now_ns // 1_000_000)
    told_ms = topic.told.open_ms if topic.told else open_ms - length_ms
    end_ms = open_ms + 2 * length_ms  # their clock may be ahead of ours
    return rest.candles_request(topic.instrument, interval, max(told_ms, end_ms - rest.PAGE * length_ms), end_ms)


def polled(stream: str) -> bool:
    """Whether no channel carries this stream."""
    return stream.startswith("candle_") and stream != f"candle_{names.LIVE_INTERVAL}"
