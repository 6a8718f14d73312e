"""The Alpha Vantage feed: its day's quota, and that nothing an answer may bring raises or leaves unsound."""

from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges.alphavantage import CARD, names
from exchanges.contract import Fetch, Request
from exchanges.events import Status
from exchanges.symbols import Instruments
from tests.exchanges.fuzz import answers_of, anything, mutated, sound

S = 10**9
TARGETS, ANSWERS = answers_of("alphavantage")
MARKETS = [names.stock("IBM"), names.currency(names.CRYPTO, "BTC"), names.currency(names.FOREX, "EUR")]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(TARGETS), anything)
def test_no_bytes_and_no_text_raise(target: str, body: str | bytes) -> None:
    data = body.encode("utf-8", "replace") if isinstance(body, str) else body
    assert sound(CARD.feed(Instruments(MARKETS)).answered(Request(target), data, 1), "alphavantage")
    assert sound(CARD.feed(Instruments(MARKETS)).receive(body, 1), "alphavantage")


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(TARGETS), mutated(ANSWERS))
def test_no_truncated_or_mutated_answer_raises(target: str, body: str) -> None:
    feed = CARD.feed(Instruments(MARKETS))
    assert sound(feed.answered(Request(target), body.encode("utf-8", "replace"), 10**18), "alphavantage")


def test_two_feeds_and_a_list_stay_within_the_day_whatever_is_wanted() -> None:
    feed, count = CARD.feed(Instruments(MARKETS)), 0
    list(feed.wanted([(stream, one.symbol) for one in MARKETS for stream in CARD.stream_names()]))
    for second in range(0, 86_400, 3):
        for output in feed.tick(second * S):
            if isinstance(output, Fetch):
                count += 1
                list(feed.answered(output.request, b'{"Global Quote": {"05. price": "x"}}', second * S + 1))
    assert 8 < count <= 12


def test_a_function_that_the_plan_does_not_hold_is_asked_for_once_a_day_whatever_the_market_and_interval() -> None:
    feed, asked = CARD.feed(Instruments(MARKETS)), []
    shares = [(f"candle_{interval}", "IBM") for interval in ("1m", "5m", "15m", "30m", "1h")]
    list(feed.wanted(shares))
    for hour in range(50):
        for output in feed.tick(hour * 3600 * S):
            if isinstance(output, Fetch):
                asked.append(hour)
                list(feed.answered(output.request, b'{"Information": "This is a premium endpoint."}', hour * 3600 * S))
    assert asked == [0, 24, 48]


def test_every_stream_of_the_card_is_asked_for() -> None:
    feed, asked = CARD.feed(Instruments(MARKETS)), set()
    list(feed.wanted([(stream, "IBM") for stream in CARD.stream_names()]))
    for hour in range(24):
        for output in feed.tick(hour * 3600 * S):
            if isinstance(output, Fetch):
                asked.add(output.request.target)
                [told] = feed.answered(output.request, b'{"Error Message": "Invalid API call."}', hour * 3600 * S + 1)
                assert isinstance(told, Status) and told.status == "not_listed"
    assert len(asked) == len(CARD.stream_names()) == 9
