"""The errors of Alpha Vantage, which come as HTTP 200 and are known by their words alone. Pure.

Their words move between keys over the years, and may hold the user's key: none of them is repeated here.
Source: https://www.alphavantage.co/documentation/ and the texts that clients report.
"""

from collections.abc import Callable, Mapping

import msgspec

from exchanges.errors import (
    ExchangeError,
    Forbidden,
    NotAuthenticated,
    NotInPlan,
    QuotaSpent,
    RateLimited,
    Refused,
    ServerFault,
    UnknownMarket,
)

BURST_S = 2.0
LIMITED_S = 60.0
# When their day begins is not told: four attempts a day find out and cost little of the quota.
QUOTA_S = 6 * 3600.0
SAID = ("Information", "Note", "Error Message")
DATA = ("Time Series", "Global Quote", "Realtime Currency Exchange Rate")  # each has something in it

# In this order: the words of a burst name the quota too, and those of a limit the key.
WORDS: tuple[tuple[tuple[str, ...], Callable[[], ExchangeError]], ...] = (
    (
        ("1 request per second", "spreading out", "more sparingly"),
        lambda: RateLimited("Alpha Vantage: more than one request in a second", BURST_S),
    ),
    (
        ("requests per day", "standard api rate limit", "higher api call frequency"),
        lambda: QuotaSpent("Alpha Vantage: the quota of the key is used up", QUOTA_S),
    ),
    (("premium",), lambda: NotInPlan("Alpha Vantage: this needs a premium plan")),
    (("demo",), lambda: NotAuthenticated("Alpha Vantage: this needs a key of your own (ALPHAVANTAGE_KEY)")),
    (("apikey", "api key"), lambda: NotAuthenticated("Alpha Vantage: the key is wrong or missing (ALPHAVANTAGE_KEY)")),
    (
        ("invalid api call",),
        lambda: UnknownMarket("Alpha Vantage: an unknown symbol, or a function it does not have"),
    ),
)


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Exception | None:
    """The error that an answer carries, also inside HTTP 200 and where CSV was asked for."""
    if status != 200:
        return _of_status(status)
    text = body.lstrip()
    if text[:1] == b"<":
        return ServerFault("Alpha Vantage answered with a page instead of data")
    return _of_body(text) if text[:1] == b"{" else None


def _of_status(status: int) -> Exception:
    if status == 403:
        return Forbidden("Alpha Vantage: HTTP 403")
    if status == 429:
        return RateLimited("Alpha Vantage: HTTP 429", LIMITED_S)
    if status >= 500:
        return ServerFault(f"Alpha Vantage: HTTP {status}")
    return Refused(f"Alpha Vantage: HTTP {status}")


def _of_body(body: bytes) -> Exception | None:
    try:
        given = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None  # its reader says what is broken
    data = {key: bytes(value) for key, value in given.items() if any(name in key for name in DATA)}
    if any(value.strip(b" \t\r\n{}[]") for value in data.values()):
        return None
    if data or not given:
        return UnknownMarket("Alpha Vantage has no data for this symbol")
    said = next((bytes(given[key]).decode("utf-8", "replace") for key in SAID if key in given), None)
    return None if said is None else _of_words(said.casefold())


def _of_words(said: str) -> ExchangeError:
    for words, error in WORDS:
        if any(word in said for word in words):
            return error()
    return Refused("Alpha Vantage refused, in words that are not known")
