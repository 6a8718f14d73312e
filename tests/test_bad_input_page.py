"""docs/bad-input.md: its words are those of the contract, its times those of the code."""

from pathlib import Path
from typing import get_args

from exchanges import polling
from exchanges.alpaca import feed as alpaca
from exchanges.alphavantage import refusals as alphavantage
from exchanges.coingecko import refusals as coingecko_refusals
from exchanges.errors import FORBIDDEN_RETRY_S
from exchanges.events import State
from marketdata import refusals, sync
from marketdata.api import HTTP
from streams import handshake, reconnect
from streams.messages import Code

PAGE = (Path(__file__).parent.parent / "docs" / "bad-input.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")][
    1:
]


def words(cell: str) -> set[str]:
    return set(cell.split("`")[1::2])


def test_each_cell_says_words_of_the_contract() -> None:
    assert len(ROWS) == 15
    for _, reply, event, stream, trouble, rest, _ in ROWS:
        assert words(reply) <= set(get_args(Code))
        assert words(event) <= set(get_args(State))
        assert words(stream) <= {*get_args(State), "not_supported"}
        assert words(trouble) <= {"not_authenticated", "quota_spent", "stale"}
        assert words(rest) <= set(HTTP)


def test_the_times_are_those_of_the_code() -> None:
    again = {row[0]: row[-1] for row in ROWS}
    assert f"{handshake.KEYS_S:g} s" in again["wrong key, on a connection"] and alpaca.KEYS_S == handshake.KEYS_S
    assert f"{polling.REFUSED_NS / 3600 / 10**9:g} h" in again["wrong key, polled"]
    assert f"{refusals.REFUSED_S:g} s" in again["wrong key, history and lists"]
    quota = again["quota spent, or banned, by REST"]
    assert alphavantage.QUOTA_S == coingecko_refusals.QUOTA_S and f"{alphavantage.QUOTA_S / 3600:g} h" in quota
    assert f"{alpaca.BUSY_S:g} s" in again["the account's one connection is taken (Alpaca 406)"]
    assert f"{sync.EVERY.total_seconds():g} s" in again["delisted"]
    away = again["it does not answer"]
    assert all(f"{limit:g} s" in away for limit in (reconnect.FIRST_S, reconnect.LONGEST_S, FORBIDDEN_RETRY_S))
