"""Alpaca's stocks over a real connection of the sandbox, where keys are set."""

from exchanges.events import Ticker, Trade
from exchanges.symbols import Instrument
from tests.exchanges.ours import Ours, until
from tests.sandbox_server import StartSandbox

AAPL = Instrument(symbol="AAPL", venue_symbol="AAPL", base="AAPL", quote="USD", kind="stock")


async def test_a_stock_is_streamed_by_its_own_socket(start_sandbox: StartSandbox) -> None:
    ours = Ours("alpaca", start_sandbox(seed=5, rate=50, symbols=2), "sandbox")
    ours.instruments.become([AAPL])
    async with ours.listening(("trade", "AAPL"), ("ticker", "AAPL")) as heard:
        await until(lambda: {Trade, Ticker} <= {type(event) for event in heard})
        assert {event.symbol for event in heard} == {"AAPL"}
        assert next(event for event in heard if type(event) is Trade).side is None
