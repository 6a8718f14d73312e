"""Each error says what to do next."""

import pytest

from exchanges.errors import (
    BadFrame,
    ExchangeError,
    Forbidden,
    NotAuthenticated,
    QuotaSpent,
    RateLimited,
    Reconnect,
    Refused,
    Retry,
    ServerFault,
    Skip,
    Stop,
    UnknownMarket,
    Unreachable,
    Verdict,
    verdict,
)


@pytest.mark.parametrize(
    ("error", "attempt", "what"),
    [
        (RateLimited("429", 17.0), 0, Retry(17.0)),
        (RateLimited("429", -3.0), 0, Retry(0.0)),
        (QuotaSpent("day", 3600.0), 5, Retry(3600.0)),
        (ServerFault("503", 30.0), 0, Retry(30.0)),
        (ServerFault("503", 1.0), 4, Retry(8.0)),
        (ServerFault("502"), 1, Retry(1.0)),
        (Forbidden("451"), 0, Retry(60.0)),
        (NotAuthenticated("401"), 0, Stop("not_authenticated")),
        (UnknownMarket("-1121"), 0, Stop("not_listed")),
        (Refused("-1100"), 0, Stop("stopped")),
        (BadFrame("broken"), 0, Skip()),
        (Unreachable("refused"), 0, Reconnect(0.5)),
        (Unreachable("refused"), 3, Reconnect(4.0)),
        (Unreachable("refused"), 10_000, Reconnect(60.0)),
    ],
)
def test_an_error_knows_what_to_do_next(error: ExchangeError, attempt: int, what: Verdict) -> None:
    assert verdict(error, attempt) == what
