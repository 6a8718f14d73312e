"""What a signal's body says, where there is much of it: understood within the time of a request, or refused before."""

import time
from typing import Any

import pytest

from exchanges.symbols import Instrument
from marketdata import cards, ingest, instruments, times
from marketdata.problems import Problem
from streams import selections, signals
from streams.signals import MOST_WILDCARDS, Signal


def listing(count: int) -> None:
    names = [f"{a}{b}{c}" for a in "ABCDEFGHIJKL" for b in "MNOPQRSTUV" for c in "WXYZ"][: count // 3]
    pairs = [(base, quote) for base in names for quote in ("USDT", "BTC", "EUR")]
    found = [
        Instrument(symbol=f"{base}-{quote}", venue_symbol=base + quote, base=base, quote=quote, kind="spot")
        for base, quote in pairs
    ]
    ingest.exchange(cards.card("binance"))
    ingest.instruments("binance", found, times.now())
    instruments._kept.clear()


@pytest.mark.django_db
@pytest.mark.parametrize("read", [selections.asked, selections.ended])
def test_more_wildcards_than_a_caller_may_have_are_refused_before_any_is_understood(read: Any) -> None:
    """Also where they come in several signals: none of these is listed, which is not even looked at."""
    half = [f"binance.trade.NONE*{number}" for number in range(MOST_WILDCARDS)]
    with pytest.raises(Problem, match=f"200 wildcards came at once; at most {MOST_WILDCARDS}") as refused:
        read([{"topics": half}, {"topics": [text + "*" for text in half]}])
    assert refused.value.code == "too_many_subscriptions"


@pytest.mark.django_db
def test_more_topics_than_a_caller_may_have_are_refused_before_any_is_understood(settings: Any) -> None:
    settings.MOST_SIGNALLED_TOPICS = 150
    asked = [{"symbols": [f"NONE{part}{number}" for number in range(100)], "streams": ["trade"]} for part in "XY"]
    with pytest.raises(Problem, match="200 topics came at once; at most 150"):
        selections.asked(asked)


@pytest.mark.django_db
def test_what_is_no_longer_listed_ends_without_a_search_for_what_is_like_it() -> None:
    listing(1_440)
    gone = [f"binance.trade.Q{number}X-USDT" for number in range(1_000)]
    began_s = time.monotonic()
    found = selections.ended({"topics": [*gone[1:], "Binance.trade.AMW-USDT"]})
    assert found == [signals.digest([*gone[1:], "binance.trade.AMW-USDT"])]
    assert time.monotonic() - began_s < 2


@pytest.mark.django_db
def test_a_topic_may_not_stand_in_any_number_of_signals(settings: Any) -> None:
    """Each second all of them are read."""
    settings.MOST_SIGNALLED_TOPICS = 10
    names = [f"binance.trade.A{number}-USDT" for number in range(10)]
    for left_out in names[:2]:
        signals.sign(None, [Signal([name for name in names if name != left_out])])
    with pytest.raises(Problem, match="27 names of all your signals together came; at most 20"):
        signals.sign(None, [Signal([name for name in names if name != names[2]])])
