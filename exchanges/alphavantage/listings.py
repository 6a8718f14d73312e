"""The lists of markets: shares as CSV, currencies as CSV, and the JSON of a search and of a company. Pure."""

import csv
import io
from collections.abc import Mapping

from exchanges.alphavantage import names
from exchanges.errors import BadFrame
from exchanges.symbols import Instrument

SHARES, CURRENCIES = "symbol", "currency code"  # what the first column is called
DOLLAR = "USD"  # is in the list of physical currencies only

Row = Mapping[str, str]


def csv_rows(body: bytes) -> list[Row]:
    """The rows by column. Which currencies they are, only the list as a whole tells: `family` is added."""
    try:
        reader = csv.DictReader(io.StringIO(body.decode()), strict=True)
        found = [{key or "": value or "" for key, value in row.items() if isinstance(value, str)} for row in reader]
    except (csv.Error, UnicodeDecodeError, RecursionError) as error:
        raise BadFrame(f"not a list in CSV: {error}"[:200], "shape") from error
    first = (reader.fieldnames or [""])[0]
    if first not in (SHARES, CURRENCIES):
        raise BadFrame("not a list of shares or currencies", "shape")
    if first == SHARES:
        return [row for row in found if row.get("status", "Active") == "Active"]
    physical = any(row.get(CURRENCIES) == DOLLAR for row in found)
    return [{**row, "family": names.FOREX if physical else names.CRYPTO} for row in found if row[CURRENCIES] != DOLLAR]


def instrument(row: Row) -> Instrument:
    """BadFrame for a row without a name that can be one."""
    if "family" in row:
        return names.currency(row["family"], row.get(CURRENCIES, ""))
    return names.stock(row.get(SHARES, ""))


def match(row: Row) -> Instrument:
    """One of a search."""
    return names.stock(row.get("symbol", ""), row.get("currency") or names.QUOTE)


def company(row: Row) -> Instrument:
    """Of an overview."""
    return names.stock(row["Symbol"], row.get("Currency") or names.QUOTE)
