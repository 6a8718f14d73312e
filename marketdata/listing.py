"""All the markets that an exchange lists, from as many lists as it keeps."""

from collections import deque
from collections.abc import Iterable

from exchanges.contract import Request
from exchanges.errors import BadFrame, ExchangeError, Refused, ServerFault, UnknownMarket
from exchanges.events import Rejected
from exchanges.symbols import Instrument
from marketdata.asker import Asker


def listed(
    asker: Asker, requests: Iterable[Request], rejected: list[Rejected]
) -> tuple[list[Instrument], list[ExchangeError]]:
    """The markets, and why some of the lists could not be had: one does not take the others with it.

    ExchangeError where the exchange cannot be asked at all, or no list can be had.
    """
    due, found, missed = deque(requests), list[Instrument](), list[ExchangeError]()
    while due:
        request = due.popleft()
        try:
            body = asker.ask(request)
            found += asker.card.rest.read_instruments(body, rejected)
            due.extend(asker.card.named_lists(request, body))
        except UnknownMarket:  # a list of what the exchange does not know, or no longer, is empty
            continue
        except (Refused, ServerFault, BadFrame) as error:
            missed.append(error)
    if missed and not found:
        raise missed[0]
    return found, missed
