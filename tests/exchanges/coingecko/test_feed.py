"""The CoinGecko feed: quotas, and that nothing an answer may bring raises or leaves as an unsound event."""

from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges.coingecko import CARD, names
from exchanges.contract import Feed, Fetch, Request
from exchanges.errors import QuotaSpent, RateLimited
from exchanges.events import Status
from exchanges.symbols import Instruments
from tests.exchanges.fuzz import answers_of, anything, mutated, sound

S = 10**9
TARGETS, ANSWERS = answers_of("coingecko")
BTC, ETH = names.instrument("bitcoin", "btc"), names.instrument("ethereum", "eth")


def wanting(*wants: tuple[str, str]) -> Feed:
    feed = CARD.feed(Instruments([BTC, ETH]))
    list(feed.wanted(wants))
    return feed


def asked(feed: Feed, now_ns: int) -> Request | None:
    return next((output.request for output in feed.tick(now_ns) if isinstance(output, Fetch)), None)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(TARGETS), anything)
def test_no_bytes_and_no_text_raise(target: str, body: str | bytes) -> None:
    data = body.encode("utf-8", "replace") if isinstance(body, str) else body
    assert sound(CARD.feed(Instruments([BTC])).answered(Request(target), data, 1), "coingecko")
    assert sound(CARD.feed(Instruments([BTC])).receive(body, 1), "coingecko")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TARGETS), mutated(ANSWERS))
def test_no_truncated_or_mutated_answer_raises(target: str, body: str) -> None:
    feed = CARD.feed(Instruments([BTC]))
    assert sound(feed.answered(Request(target), body.encode("utf-8", "replace"), 10**18), "coingecko")


def test_a_spent_quota_is_told_of_every_topic_and_nothing_is_asked_until_the_next_one() -> None:
    feed = wanting(("ticker", "BTC-USD"), ("candle_30m", "BTC-USD"))
    request = asked(feed, S)
    assert request
    told = list(feed.failed(request, QuotaSpent("used up", 3600), 2 * S))
    assert {(one.stream, one.status) for one in told if isinstance(one, Status)} == {
        ("ticker", "quota_spent"),
        ("candle_30m", "quota_spent"),
    }
    assert [asked(feed, second * S) for second in range(3, 3600, 60)] == [None] * 60
    again = asked(feed, 3602 * S)
    assert again
    later = [one for one in feed.failed(again, QuotaSpent("used up", 3600), 3603 * S) if isinstance(one, Status)]
    assert {one.detail for one in later} == {"used up; asked again at 1970-01-01 02:01 UTC"}
    request = asked(feed, 7204 * S)
    assert request
    body = b'[{"id":"bitcoin","symbol":"btc","current_price":1.5}]' if "ids" in request.target else b"[[1,1,1,1,1]]"
    first = next(iter(feed.answered(request, body, 7205 * S)))
    assert isinstance(first, Status) and first.status == "live"


def test_too_many_requests_are_waited_out_by_all_polls() -> None:
    feed = wanting(("ticker", "BTC-USD"), ("candle_30m", "BTC-USD"))
    request = asked(feed, S)
    assert request
    told = [one.status for one in feed.failed(request, RateLimited("slowly", 119), 2 * S) if isinstance(one, Status)]
    assert told == ["quota_spent"] * 2
    assert asked(feed, 120 * S) is None and asked(feed, 121 * S) is not None


def test_a_day_costs_no_more_than_its_part_of_the_month() -> None:
    """Of 333 credits a day one feed takes 149 at most, whatever is wanted of it."""
    wants = [(stream, coin.symbol) for coin in (BTC, ETH) for stream in ("ticker", "candle_30m", "candle_4h")]
    feed, count = wanting(*wants), 0
    for second in range(0, 86_400, 2):
        request = asked(feed, second * S)
        if request:
            count += 1
            list(feed.answered(request, b"[]", second * S + 1))
    assert 100 < count <= 149


def test_an_answer_that_never_comes_is_given_up() -> None:
    feed = wanting(("ticker", "BTC-USD"))
    assert asked(feed, S) and asked(feed, 200 * S) is None and asked(feed, 302 * S)


def test_what_is_no_longer_wanted_is_not_told() -> None:
    feed = wanting(("ticker", "BTC-USD"))
    request = asked(feed, S)
    assert request
    list(feed.wanted([]))
    assert list(feed.answered(request, b'[{"id":"bitcoin","symbol":"btc","current_price":1}]', 2 * S)) == []
    assert asked(feed, 100 * S) is None
