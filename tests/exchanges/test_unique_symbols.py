"""Symbols of every source by the contract's rule, each once: in the recorded listings at hand and in the sandbox's."""

import re
from collections import Counter
from datetime import UTC, datetime
from functools import cache

import pytest

from config.env import ROOT
from exchanges.registry import card, cards
from exchanges.symbols import Instrument, Instruments, distinct
from tests.exchanges.asked import Asked
from tests.exchanges.samples import FOLDER, table

HEADING = "## Symbols that carry their market's own id"
SANDBOX, RECORDED = "sandbox", "recorded"


def recorded(code: str) -> list[Instrument]:
    """What the recorded listings of an exchange hold; a market that two of them hold is one market."""
    files = dict.fromkeys(row.sample(row.file) for row in table() if row.exchange == code and row.kind == "instruments")
    markets: dict[str, Instrument] = {}
    for file in files:
        for one in card(code).rest.read_instruments(file.read_bytes()):
            markets.setdefault(one.venue_symbol, one)
    return distinct(markets.values())


def invented(code: str) -> list[Instrument]:
    return Asked(card(code)).instruments()


LISTINGS = {SANDBOX: cache(invented), RECORDED: cache(recorded)}
RECORDED_CODES = list(dict.fromkeys(row.exchange for row in table() if row.kind == "instruments"))
each_listing = pytest.mark.parametrize(
    ("code", "where"), [(code, SANDBOX) for code in cards()] + [(code, RECORDED) for code in RECORDED_CODES]
)


def listing(code: str, where: str) -> list[Instrument]:
    if where == RECORDED and not FOLDER.is_dir():
        pytest.skip("the recorded payloads are not at hand")
    return LISTINGS[where](code)


def by_the_rule(market: Instrument) -> str:
    """The symbol that the contract gives to a market, from its facts alone."""
    if market.kind == "stock":
        return market.base
    parts = [market.base, market.quote]
    if market.kind == "perpetual":
        parts.append("PERP")
    elif market.kind in ("future", "option"):
        assert market.expiry_us is not None
        parts.append(f"{datetime.fromtimestamp(market.expiry_us // 1_000_000, UTC):%Y%m%d}")
    if market.kind == "option":
        assert market.strike and market.option_type
        parts += [market.strike, market.option_type[0].upper()]
    settled_elsewhere = market.kind != "spot" and market.settle not in (None, market.quote)
    return "-".join(parts) + (f"_{market.settle}" if settled_elsewhere else "")


def suffixed(listed: list[Instrument]) -> list[str]:
    """The symbols that say more than the rule."""
    return [one.symbol for one in listed if one.symbol != by_the_rule(one)]


@each_listing
def test_a_symbol_is_what_the_rule_says_and_names_one_market(code: str, where: str) -> None:
    listed = listing(code, where)
    assert listed
    symbols = Counter(one.symbol for one in listed)
    assert [symbol for symbol, count in symbols.items() if count > 1] == []
    assert len({one.venue_symbol for one in listed}) == len(listed)
    for one in listed:
        plain = by_the_rule(one)
        assert one.symbol == plain or (one.symbol.startswith(f"{plain}.") and plain in symbols)
        assert not re.search(r"\s", one.symbol)


@each_listing
def test_both_spellings_of_a_market_find_it(code: str, where: str) -> None:
    known = Instruments(listed := listing(code, where))
    for one in listed:
        assert known.find(one.symbol) == one and known.find(one.venue_symbol) == one


def test_the_markets_that_needed_a_suffix_are_listed_in_the_documents() -> None:
    """Each row: the source, where it was seen, the symbol. A listing that is not at hand is not asked."""
    text = (ROOT / "docs" / "meanings.md").read_text()
    rows = re.findall(
        r"^\| (\w+) \| (\w+) \| `(.+?)` \|", text.partition(HEADING)[2].partition("\n## ")[0], re.MULTILINE
    )
    seen = [SANDBOX, RECORDED] if FOLDER.is_dir() else [SANDBOX]
    found = [(code, where, symbol) for where in seen for code in cards() for symbol in suffixed(listing(code, where))]
    assert sorted(found) == sorted(row for row in rows if row[1] in seen)
    assert found
