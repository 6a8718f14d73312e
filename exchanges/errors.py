"""What can go wrong between an exchange and us: each error carries what to do next, and `verdict` reads it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Retry:
    """Ask again, not before `after_s` seconds."""

    after_s: float


@dataclass(frozen=True)
class Reconnect:
    """The connection can no longer be trusted: open a new one, not before `after_s` seconds."""

    after_s: float


@dataclass(frozen=True)
class Stop:
    """Asking again cannot help; `status` is the word of the contract's `status` event that says why."""

    status: Literal["stopped", "not_authenticated", "not_listed"]


@dataclass(frozen=True)
class Skip:
    """Only this one frame or row is lost to us; go on with the next."""


Verdict = Retry | Reconnect | Stop | Skip


class ExchangeError(Exception):
    """The base of everything an adapter raises; the message is safe to log (no keys, no whole bodies)."""


class BadFrame(ExchangeError):
    """A frame or body that is broken or unknown. `kind` groups what is the same, for one log line a kind."""

    def __init__(self, reason: str, kind: str = "broken") -> None:
        super().__init__(reason)
        self.kind = kind


class Unreachable(ExchangeError):
    """No answer: refused, timed out, name not found, connection lost."""


class ServerFault(ExchangeError):
    """The exchange failed to answer (HTTP 5xx); `retry_after_s` where it said when to come back."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class RateLimited(ExchangeError):
    """Too many requests (HTTP 429, or 418 for a ban); `retry_after_s` is when the exchange takes requests again."""

    def __init__(self, reason: str, retry_after_s: float) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Forbidden(ExchangeError):
    """This place or address is refused (HTTP 403, 451): it can change, but not soon."""


class NotAuthenticated(ExchangeError):
    """Keys are missing or wrong."""


class QuotaSpent(RateLimited):
    """The quota of the day or month is used up; `retry_after_s` until the next one begins."""


class UnknownMarket(ExchangeError):
    """The exchange does not know this market (any more)."""


class Refused(ExchangeError):
    """The exchange understood and said no for another reason (HTTP 4xx with a code of its own)."""


class NotInPlan(Refused):
    """The user's plan does not hold what was asked for, whatever the market."""


FORBIDDEN_RETRY_S = 60.0


def verdict(error: ExchangeError, attempt: int = 0) -> Verdict:
    """What to do after `error` was met for the `attempt`-th time (from 0); backoff doubles up to a minute."""
    backoff_s = min(60.0, 0.5 * 2 ** min(attempt, 10))
    match error:
        case RateLimited(retry_after_s=after_s):
            return Retry(max(after_s, 0.0))
        case ServerFault(retry_after_s=float() as after_s):
            return Retry(max(after_s, backoff_s))
        case Forbidden():
            return Retry(FORBIDDEN_RETRY_S)
        case NotAuthenticated():
            return Stop("not_authenticated")
        case UnknownMarket():
            return Stop("not_listed")
        case BadFrame():
            return Skip()
        case Refused():
            return Stop("stopped")
        case Unreachable():
            return Reconnect(backoff_s)
        case _:
            return Retry(backoff_s)
