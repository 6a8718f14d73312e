"""The feed without a socket, over a source of two lines: its pace, its turns, and what it tells."""

from collections.abc import Iterable, Sequence

from exchanges.contract import Fetch, Output, Request
from exchanges.errors import BadFrame, QuotaSpent, Unreachable
from exchanges.events import Candle, Rejected, Status, Ticker
from exchanges.polling import Pace, Poll, PollingFeed, Wanted
from exchanges.symbols import Instrument, Instruments

S = 10**9
NAMES = [f"M{number}-USD" for number in range(6)]
MARKETS = [Instrument(symbol=name, venue_symbol=name, base=name[:2], quote="USD", kind="spot") for name in NAMES]


class Source:
    """One request for each market; its answer is the price."""

    pace = Pace(turn_ns=S, burst=3, refill_ns=100 * S)

    def polls(self, wanted: Sequence[Wanted]) -> list[Poll]:
        return [Poll(Request(f"/{market.symbol}"), ((stream, market.symbol),), 10 * S) for stream, market in wanted]

    def read(
        self, request: Request, body: bytes, received_ns: int, instruments: Instruments, rejected: list[Rejected]
    ) -> Sequence[Ticker | Candle]:
        if not body.isdigit():
            raise BadFrame("no price", "price")
        name = request.target[1:]
        return [Ticker(symbol=name, venue_symbol=name, received_ns=received_ns, last_price=body.decode())]  # type: ignore[arg-type]


def wanting(*names: str) -> PollingFeed:
    feed = PollingFeed(Instruments(MARKETS), Source())
    list(feed.wanted([("ticker", name) for name in names]))
    return feed


def asked(feed: PollingFeed, second: int) -> Request | None:
    return next((output.request for output in feed.tick(second * S) if isinstance(output, Fetch)), None)


def statuses(outputs: Iterable[Output]) -> list[Status]:
    return [output for output in outputs if isinstance(output, Status)]


def test_a_burst_at_first_then_the_pace_and_every_topic_has_its_turn() -> None:
    feed, asks = wanting(*NAMES), []
    for second in range(1000):
        request = asked(feed, second)
        if request:
            asks.append((second, request.target[1:]))
            list(feed.answered(request, b"1", second * S))
    seconds, names = zip(*asks, strict=True)
    assert seconds == (0, 1, 2, *range(100, 1000, 100))
    assert names == tuple(NAMES * 2)


def test_one_request_is_under_way_at_a_time() -> None:
    feed = wanting(*NAMES[:2])
    request = asked(feed, 0)
    assert request and asked(feed, 5) is None
    list(feed.failed(request, Unreachable("gone"), 5 * S))
    other = asked(feed, 6)
    assert other and other.target != request.target


def test_what_did_not_change_is_told_once_and_a_broken_answer_costs_no_topic() -> None:
    feed, told = wanting(NAMES[0]), []
    for second, body in ((0, b"1"), (10, b"1"), (20, b"much")):
        request = asked(feed, second)
        assert request
        told += feed.answered(request, body, second * S)
    assert [type(one) for one in told] == [Ticker, Rejected]
    request = asked(feed, 100)
    assert request and [one.last_price for one in feed.answered(request, b"2", 100 * S)] == ["2"]


def test_an_error_that_is_none_of_ours_is_waited_out() -> None:
    feed = wanting(NAMES[0])
    request = asked(feed, 0)
    assert request
    assert [(one.status, one.detail) for one in statuses(feed.failed(request, ZeroDivisionError(), 0))] == [
        ("stale", "ZeroDivisionError")
    ]
    assert asked(feed, 59) is None and asked(feed, 60)


def test_a_source_that_cannot_be_reached_is_stale_until_it_answers() -> None:
    feed = wanting(NAMES[0])
    request = asked(feed, 0)
    assert request
    assert [one.status for one in statuses(feed.failed(request, Unreachable("gone"), S))] == ["stale"]
    again = asked(feed, 20)
    assert again
    assert list(feed.failed(again, Unreachable("gone"), 20 * S)) == []  # no news
    again = asked(feed, 40)
    assert again
    assert [one.status for one in statuses(feed.answered(again, b"1", 40 * S))] == ["live"]


def test_what_is_wanted_while_the_quota_is_spent_is_told_so_and_when_it_comes_back() -> None:
    feed = wanting(NAMES[0])
    request = asked(feed, 0)
    assert request
    said = statuses(feed.failed(request, QuotaSpent("the day's", 3600), S))
    list(feed.wanted([("ticker", NAMES[0]), ("ticker", NAMES[1])]))
    said += statuses(feed.tick(2 * S))
    assert [(one.symbol, one.status) for one in said] == [(name, "quota_spent") for name in NAMES[:2]]
    assert {one.detail for one in said} == {"the day's; asked again at 1970-01-01 01:01 UTC"}
    assert all(asked(feed, second) is None for second in range(2, 3600, 10))
    assert asked(feed, 3601)


class Listing(Source):
    """One request for all markets; its answer has a line for each: name, price."""

    def polls(self, wanted: Sequence[Wanted]) -> list[Poll]:
        return [Poll(Request("/all"), tuple((stream, market.symbol) for stream, market in wanted), 10 * S, True)]

    def read(
        self, request: Request, body: bytes, received_ns: int, instruments: Instruments, rejected: list[Rejected]
    ) -> Sequence[Ticker | Candle]:
        lines = [line.split() for line in body.decode().splitlines()]
        rejected += [Rejected("a line", "line") for line in lines if len(line) != 2]
        return [
            Ticker(symbol=name, venue_symbol=name, received_ns=received_ns, last_price=price)  # type: ignore[arg-type]
            for name, price in (line for line in lines if len(line) == 2)
        ]


def test_a_market_that_an_answer_leaves_out_is_not_listed_unless_its_row_may_be_the_broken_one() -> None:
    feed = PollingFeed(Instruments(MARKETS), Listing())
    list(feed.wanted([("ticker", name) for name in NAMES[:2]]))
    said: list[tuple[str, str]] = []
    for second, body in ((0, f"{NAMES[0]} 1\nbroken"), (10, f"{NAMES[0]} 2"), (20, f"{NAMES[0]} 3\n{NAMES[1]} 1")):
        request = asked(feed, second)
        assert request
        told = feed.answered(request, body.encode(), second * S)
        said += [(one.symbol, one.status) for one in statuses(told)]
    assert said == [(NAMES[1], "not_listed"), (NAMES[1], "live")]


class Candles(Source):
    """An answer is `<opening in minutes>` or, where it is final, `<opening in minutes>!`, with commas between."""

    def read(
        self, request: Request, body: bytes, received_ns: int, instruments: Instruments, rejected: list[Rejected]
    ) -> Sequence[Candle]:
        figures = dict.fromkeys(("open", "high", "low", "close", "volume", "quote_volume", "trades"))
        return [
            Candle(
                symbol="M0-USD", venue_symbol="M0-USD", received_ns=received_ns, interval="1m", **figures,
                open_ms=int(row.strip("!")) * 60_000, close_ms=int(row.strip("!")) * 60_000 + 59_999,
                closed=row.endswith("!"),
            )
            for row in body.decode().split(",")
        ]  # fmt: skip


def test_a_candle_that_is_not_final_yet_is_told_as_such_before_any_later_one() -> None:
    feed = PollingFeed(Instruments(MARKETS), Candles())
    list(feed.wanted([("candle_1m", "M0-USD")]))
    told = []
    for turn, body in enumerate((b"1!,2,3", b"1!,2!,3", b"2!,3,4", b"3!,4!,5")):
        request = asked(feed, turn * 10 if turn < 3 else 200)
        assert request is not None
        events = feed.answered(request, body, turn * 10 * S)
        told.append([(event.open_ms // 60_000, event.closed) for event in events if isinstance(event, Candle)])
    assert told == [[(2, False)], [(2, True), (3, False)], [], [(3, True), (4, True), (5, False)]]
