"""What a refused WebSocket handshake says, and how long to stay away; pure."""

from websockets.http11 import Response

from exchanges.contract import Card
from exchanges.errors import ExchangeError, NotAuthenticated, Reconnect, Refused, Retry, verdict

KEYS_S = 600.0  # wrong keys do not become right by themselves
REFUSED_S = 60.0  # refused for another reason that asking again does not help


def error(card: Card, response: Response) -> ExchangeError:
    """The refusal as the exchange's own reader takes it: it comes over HTTP like any other."""
    headers = {name.lower(): value for name, value in response.headers.raw_items()}
    found = card.rest.read_error(response.status_code, headers, bytes(response.body or b""))
    return found if isinstance(found, ExchangeError) else Refused(f"HTTP {response.status_code}")


def away_s(said: ExchangeError) -> float:
    """Never less than the exchange asked for."""
    what = verdict(said)
    if isinstance(what, Retry | Reconnect):
        return what.after_s
    return KEYS_S if isinstance(said, NotAuthenticated) else REFUSED_S
