"""A feed without a socket: what is wanted is asked for by requests in turn, at the pace that a quota allows. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from msgspec.structs import replace

from exchanges.broken import BROKEN, rejected
from exchanges.contract import Fetch, Output, Request, Want
from exchanges.errors import ExchangeError, NotInPlan, RateLimited, Reconnect, Retry, Skip, Stop, Verdict, verdict
from exchanges.events import Candle, Depth, Event, Gap, Rejected, State, Status, Ticker, Trade
from exchanges.symbols import Instrument, Instruments

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
LOST_NS = 300 * SECOND_NS  # an answer that has not come by then does not come
REFUSED_NS = 24 * 3600 * SECOND_NS  # what was refused for good is tried again after so long: plans and lists change
PAUSE_S = 60.0  # after an error that is none of ours
NEWCOMER = 2  # events that a new topic begins with: of candles the last whole one, and the running one

Wanted = tuple[str, Instrument]  # stream, market
Polled = Trade | Ticker | Depth | Candle | Gap


@dataclass(frozen=True)
class Pace:
    """How often one feed asks: `burst` requests `turn_ns` apart at first, later one each `refill_ns`."""

    turn_ns: int
    burst: int
    refill_ns: int


@dataclass(frozen=True)
class Poll:
    """One request and what it is made for; asked again after `anew_ns` at the earliest."""

    request: Request
    wants: tuple[Want, ...]
    anew_ns: int
    for_each: bool = False  # the answer has a row for each market that the source knows
    function: str = ""  # what the source calls it: one that is not in the plan is not asked for any market


class Source(Protocol):
    """What differs between polled sources."""

    pace: Pace

    def polls(self, wanted: Sequence[Wanted]) -> list[Poll]:
        """As few requests as can be."""

    def read(
        self, request: Request, body: bytes, received_ns: int, instruments: Instruments, rejected: list[Rejected]
    ) -> Sequence[Polled]:
        """The events of an answer, oldest first. One of BROKEN or an ExchangeError where it is none."""


@dataclass
class Topic:
    """One wanted stream of a market: when it may be asked again, and what was said of it."""

    stream: str
    instrument: Instrument
    at_ns: int = 0
    attempt: int = 0
    told: Polled | None = None
    status: State = "starting"
    detail: str = ""

    def says(self, status: State, now_ns: int, detail: str) -> Iterable[Status]:
        """Only what is news; of a quota also when it comes back."""
        if status != self.status or (status == "quota_spent" and detail != self.detail):
            self.status, self.detail = status, detail
            yield Status(
                symbol=self.instrument.symbol, venue_symbol=self.instrument.venue_symbol, received_ns=now_ns,
                stream=self.stream, status=status, detail=detail,
            )  # fmt: skip


class PollingFeed:
    """Fulfils exchanges.contract.Feed; one request is under way at a time."""

    def __init__(self, instruments: Instruments, source: Source) -> None:
        self._instruments, self._source = instruments, source
        self._told = False
        self._topics: dict[Want, Topic] = {}
        self._unknown: set[Want] = set()  # wanted, but no markets
        self._to_say: set[Want] = set()  # those of them that were not told yet
        self._polls: list[Poll] = []
        self._under_way: tuple[Poll, int] | None = None
        self._next_ns = 0
        self._unplanned: dict[str, tuple[int, str]] = {}  # functions not in the plan: until when, and what was said
        self._spent, self._spent_ns = "", 0  # what was said of a quota that is used up, and when it comes back
        self._purse, self._filled_ns = source.pace.burst, 0

    def opening(self) -> Iterable[Output]:
        return ()

    def wanted(self, wants: Collection[Want]) -> Iterable[Output]:
        self._told = True
        known, before = self._instruments.by_symbol, self._topics
        self._topics = {
            want: before.get(want) or Topic(want[0], known[want[1]]) for want in sorted(wants) if want[1] in known
        }
        self._polls = self._source.polls([(topic.stream, topic.instrument) for topic in self._topics.values()])
        unknown = {want for want in wants if want[1] not in known}
        self._to_say |= unknown - self._unknown
        self._unknown = unknown
        return ()

    def receive(self, frame: str | bytes, received_ns: int) -> Iterable[Output]:
        return [Rejected("the source sends no frames: it is asked by requests", "no socket")]

    def tick(self, now_ns: int) -> Iterable[Output]:
        said, self._to_say = [_not_listed(*want, now_ns) for want in sorted(self._to_say)], set()
        if now_ns < self._spent_ns:
            for topic in self._topics.values():
                said += topic.says("quota_spent", now_ns, self._spent)
        if self._unplanned:
            said += self._stopped(now_ns)
        return [*said, *self._next(now_ns)]

    def _stopped(self, now_ns: int) -> Iterable[Status]:
        """The topics of functions that are not in the plan, which are left alone."""
        for poll in self._polls:
            until_ns, words = self._unplanned.get(poll.function, (0, ""))
            for topic in self._of(poll) if now_ns < until_ns else ():
                topic.at_ns = max(topic.at_ns, until_ns)
                yield from topic.says("stopped", now_ns, words)

    def _next(self, now_ns: int) -> Iterable[Fetch]:
        """The next request, where one is due."""
        if self._under_way and now_ns - self._under_way[1] > LOST_NS:
            self._under_way = None
        if self._under_way or now_ns < self._next_ns:
            return ()
        due = [(self._due_ns(poll), index) for index, poll in enumerate(self._polls)]
        if not due or min(due)[0] > now_ns or not self._pays(now_ns):
            return ()
        poll = self._polls[min(due)[1]]
        self._under_way, self._next_ns = (poll, now_ns), now_ns + self._source.pace.turn_ns
        for topic in self._of(poll):
            topic.at_ns = max(topic.at_ns, now_ns + poll.anew_ns)
        return (Fetch(poll.request),)

    def answered(self, request: Request, body: bytes, received_ns: int) -> Iterable[Output]:
        poll = self._ended(request)
        broken: list[Rejected] = []
        try:
            events = self._source.read(request, body, received_ns, self._instruments, broken)
        except BROKEN as error:
            return [rejected(error)]
        except ExchangeError as error:
            return self._refused(poll, error, received_ns)
        if not self._told:
            return [*broken, *events]
        told: list[Output] = [*broken, *self._news(events, received_ns)]
        return [*told, *self._after(poll, events, received_ns, whole=not broken)] if poll else told

    def failed(self, request: Request, error: Exception, now_ns: int) -> Iterable[Output]:
        return self._refused(self._ended(request), error, now_ns)

    def book(self, symbol: str, received_ns: int) -> Depth | None:
        return None

    def waiting(self) -> Mapping[str, int]:
        return {}

    def _of(self, poll: Poll) -> list[Topic]:
        return [self._topics[want] for want in poll.wants if want in self._topics]

    def _due_ns(self, poll: Poll) -> int:
        return min(topic.at_ns for topic in self._of(poll))

    def _pays(self, now_ns: int) -> bool:
        """Whether the pace allows one more request now; it is counted."""
        pace = self._source.pace
        if self._purse == pace.burst:
            self._filled_ns = now_ns
        gained = (now_ns - self._filled_ns) // pace.refill_ns
        self._purse = min(pace.burst, self._purse + gained)
        self._filled_ns += gained * pace.refill_ns
        if not self._purse:
            return False
        self._purse -= 1
        return True

    def _ended(self, request: Request) -> Poll | None:
        if self._under_way is None or self._under_way[0].request.target != request.target:
            return None
        poll, self._under_way = self._under_way[0], None
        return poll

    def _news(self, events: Sequence[Polled], received_ns: int) -> Iterable[Event]:
        """What is wanted and was not told yet."""
        counts: dict[Want, int] = {}
        unsettled: set[Want] = set()
        for event in events:
            counts[event.stream, event.symbol] = counts.get((event.stream, event.symbol), 0) + 1
        for event in events:
            want = (event.stream, event.symbol)
            counts[want] -= 1
            topic = self._topics.get(want)
            if topic is None or want in unsettled or (topic.told is None and counts[want] >= NEWCOMER):
                continue
            if type(event) is Candle and not event.closed:
                unsettled.add(want)  # the next ones wait, or its final figures would come too late to be told
            if topic.told is None or _newer(event, topic.told):
                topic.told = event
                if topic.status == "starting":
                    topic.status = "live"  # as the event itself says
                yield from topic.says("live", received_ns, "")
                yield event

    def _after(self, poll: Poll, events: Sequence[Event], received_ns: int, whole: bool) -> Iterable[Output]:
        """The attempts begin anew; a market that an answer left out, all of whose rows were read, is not listed."""
        found = {event.venue_symbol for event in events}
        for topic in self._of(poll):
            topic.attempt = 0
            if not poll.for_each or topic.instrument.venue_symbol in found:
                yield from topic.says("live", received_ns, "")
                continue
            if not whole:
                continue  # the broken row may have been its own
            topic.at_ns = received_ns + REFUSED_NS
            detail = f"the source left {topic.instrument.venue_symbol} out of its answer"
            yield from topic.says("not_listed", received_ns, detail)

    def _refused(self, poll: Poll | None, error: Exception, now_ns: int) -> Iterable[Output]:
        """Ask again later, or say why that is of no use."""
        topics = self._of(poll) if poll else []
        attempt = max((topic.attempt for topic in topics), default=0)
        what = verdict(error, attempt) if isinstance(error, ExchangeError) else Retry(PAUSE_S)
        after_ns = _after_ns(what)
        for topic in topics:
            topic.attempt += 1
            topic.at_ns = max(topic.at_ns, now_ns + after_ns)
        if isinstance(error, NotInPlan) and poll and poll.function:
            self._unplanned[poll.function] = now_ns + after_ns, str(error)
        if isinstance(error, RateLimited):
            self._next_ns = self._spent_ns = max(self._next_ns, now_ns + after_ns)
            self._spent = f"{error}; asked again at {_clock(self._next_ns)}"
            return [one for topic in self._topics.values() for one in topic.says("quota_spent", now_ns, self._spent)]
        said: State = what.status if isinstance(what, Stop) else "stale"
        detail = str(error) if isinstance(error, ExchangeError) else type(error).__name__
        return [status for topic in topics for status in topic.says(said, now_ns, detail)]


def _after_ns(what: Verdict) -> int:
    if isinstance(what, Skip):
        return 0  # as soon as it is due anyway
    return int(what.after_s * SECOND_NS) if isinstance(what, Retry | Reconnect) else REFUSED_NS


def _clock(time_ns: int) -> str:
    """To the minute, and not before: people read it."""
    return f"{datetime.fromtimestamp(-(-time_ns // MINUTE_NS) * 60, UTC):%Y-%m-%d %H:%M} UTC"


def _not_listed(stream: str, symbol: str, now_ns: int) -> Status:
    return Status(
        symbol=symbol, venue_symbol=symbol, received_ns=now_ns, stream=stream, status="not_listed",
        detail=f"{symbol} is no market of the source",
    )  # fmt: skip


def _newer(event: Polled, told: Polled) -> bool:
    """Whether it says something new; a candle that was closed stays as it was told."""
    if isinstance(event, Candle) and isinstance(told, Candle) and event.open_ms < told.open_ms + told.closed:
        return False
    return replace(event, received_ns=told.received_ns) != told
