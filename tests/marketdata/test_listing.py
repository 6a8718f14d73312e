"""Markets from several lists of one exchange into the database."""

from typing import Any

from redis import Redis

from marketdata import sync
from marketdata.models import Exchange, Symbol
from tests.sandbox_server import SandboxServer

LISTS = "/api/v5/public/instruments"


def of_kind(kind: str, **more: Any) -> Any:
    return Symbol.objects.filter(exchange="okx", kind=kind, **more)


def test_the_lists_that_an_answer_names_are_read_too(
    db: None, exchange: SandboxServer, settings: Any, clean_redis: Redis
) -> None:
    settings.EXCHANGES = ("okx",)
    sync.sync("okx")
    assert set(of_kind("option").values_list("base", flat=True)) == {"BTC", "ETH", "SOL"}


def test_a_list_that_cannot_be_had_does_not_take_the_others_with_it(
    db: None, exchange: SandboxServer, settings: Any, clean_redis: Redis
) -> None:
    settings.EXCHANGES = ("okx",)
    sync.sync("okx")
    markets = [of_kind(kind).update(contract_size=7) for kind in ("spot", "perpetual")]
    attempts = 4
    exchange.fault("status", exchange="okx", status=503, path=LISTS, count=attempts)  # of the first list: spot
    assert sync.sync("okx").delisted == 0
    assert [of_kind(kind, contract_size=7).count() for kind in ("spot", "perpetual")] == [markets[0], 0]
    row = Exchange.objects.get(code="okx")
    assert row.last_error.startswith("1 of its lists, the first: HTTP 503") and row.last_sync_time is not None
    sync.sync("okx")
    row.refresh_from_db()
    assert (of_kind("spot", contract_size=7).count(), row.last_error) == (0, "")
